// An iteration of the primal solver, on the model in the lane layout (linalg/matrix_products.h).
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/train/encrypted_trainer.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

class PrimalIteration : public TrainingIteration {
  public:
    // Data and keys that were checked against the plan; plan and keys must outlive this object.
    PrimalIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                    EncryptedTrainingData data);
    TrainingState step(const TrainingState& state) const override;

  private:
    // E_t, replicated over its lanes, block rho.
    Ciphertext errors(int t, const std::vector<Ciphertext>& products, std::size_t rho) const;

    const TrainingPlan& plan_;
    Evaluator evaluator_;
    EncryptedFeatures features_;  // refers to evaluator_
    std::vector<Ciphertext> labels_, logits_;
};

}  // namespace cipherfit
