// An iteration of the dual solver in a run with bootstrappings. The coefficients A grow to
// thousands over hundreds of iterations, the logits that they stand for do not: so it is D = K A,
// the logits less Z_0, that goes from one iteration to the next, and through bootstrappings,
//
//     E = Y - s(Z_0 + D_S),   D_M' = (1 - decay) D_U + step K E,   D_U' = (1 - eta) D_M' + eta D_M
//
// and the model's coefficients, a sum of all E with public weights, are added up on the side.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "train/state_refresh.h"

#include <vector>

namespace cipherfit {

// omega_t, t = 0..iterations-1: the coefficients of the model after the last iteration are the sum
// of omega_t E_t. The recurrence of recipe.h read backwards from the model.
std::vector<double> error_weights(const Recipe& recipe);

class LogitIteration : public TrainingIteration {
  public:
    // Data and keys that were checked against the plan; plan and keys must outlive this object.
    LogitIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                   EncryptedTrainingData data);
    TrainingState step(const TrainingState& state) override;

  private:
    // E_t as replicas.
    Ciphertext errors(const TrainingState& state) const;
    // D + Z_0.
    Ciphertext logits(const Ciphertext& d) const;

    const TrainingPlan& plan_;
    Evaluator evaluator_;
    StateRefresh refresh_;
    EncryptedKernel kernel_;  // refers to evaluator_
    std::vector<double> mask_;
    std::vector<double> weights_;
    std::vector<Ciphertext> labels_, logits_, start_;
};

}  // namespace cipherfit
