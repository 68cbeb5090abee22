// An iteration of the primal solver, on the model in the lane layout (linalg/matrix_products.h).
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "train/state_refresh.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace cipherfit {

class PrimalIteration : public TrainingIteration {
  public:
    // Data and keys that were checked against the plan; plan and keys must outlive this object.
    PrimalIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                    EncryptedTrainingData data);
    // The source's data must have been checked.
    PrimalIteration(const TrainingPlan& plan, const EvaluationKeys& keys, BatchSource source);
    TrainingState step(const TrainingState& state) override;

  private:
    // The samples of an iteration: the features with their babies, labels and Z_0.
    struct Batch {
        EncryptedFeatures features;
        std::vector<Ciphertext> labels, logits;
    };
    Batch prepare(EncryptedTrainingData data, bool with_forward) const;
    // Q_t of a group of classes, not rescaled.
    std::vector<Ciphertext> gradient(const TrainingState& state, const Batch& batch,
                                     std::size_t group) const;
    // E_t of a group, replicated over its lanes, block rho.
    Ciphertext errors(int t, const Batch& batch, std::size_t group,
                      const std::vector<Ciphertext>& products, std::size_t rho) const;
    TrainingState step(const TrainingState& state, const Batch& batch) const;

    const TrainingPlan& plan_;
    Evaluator evaluator_;
    StateRefresh refresh_;
    std::optional<Batch> all_;  // of a run without mini-batches
    BatchSource source_;        // of one with them
};

}  // namespace cipherfit
