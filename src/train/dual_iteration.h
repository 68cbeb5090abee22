// An iteration of the dual solver, on the model's coefficients in the kernel layout
// (linalg/kernel_product.h). The states are kept as replicas.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/train/encrypted_trainer.h"

#include <vector>

namespace cipherfit {

class DualIteration : public TrainingIteration {
  public:
    // Data and keys that were checked against the plan; plan and keys must outlive this object.
    DualIteration(const TrainingPlan& plan, const EvaluationKeys& keys, EncryptedTrainingData data);
    TrainingState step(const TrainingState& state) override;

  private:
    // E_t, as replicas at the plan's error scale.
    Ciphertext errors(const TrainingState& state) const;

    const TrainingPlan& plan_;
    Evaluator evaluator_;
    EncryptedKernel kernel_;  // refers to evaluator_
    std::vector<double> mask_;
    std::vector<Ciphertext> labels_, logits_, start_;
};

}  // namespace cipherfit
