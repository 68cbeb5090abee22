// Training under encryption, primal form: the recurrence of recipe.h on ciphertexts in the lane
// layout. Holds no secret and draws no randomness: the same inputs give the same ciphertexts, bit
// for bit, on any number of threads.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// What the owner sends, expanded. features: Xs, block (rho, b) at rho * feature_blocks + b.
// labels: Y - 1/2 where there is a sample and a class, else 0, a block a rho (Y, not yet minus
// s(z): the constant 1/2 of every sigmoid is taken off here). logits: Z_0, or none for a zero
// start.
struct EncryptedTrainingData {
    std::vector<Ciphertext> features, labels, logits;
};

// M_t and U_t after `iteration` iterations, feature_blocks ciphertexts each; empty at 0, where both
// are zero. After the last iteration only the sequence that the recipe takes as the model is there.
struct TrainingState {
    int iteration = 0;
    std::vector<Ciphertext> main, extrapolated;
};

// Whether a state that was read from a file has the blocks, levels and scales that the plan gives
// it. Errors: corrupt_data.
Expected<void> check_state(const TrainingPlan& plan, const TrainingState& state);

class EncryptedTrainer {
  public:
    // Checks shapes, levels and scales of the data against the plan, and that every key is there;
    // throws Error(corrupt_data) or Error(missing_key). Makes the features' baby shifts. `plan`
    // and `keys` must outlive the trainer.
    EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                     EncryptedTrainingData data);
    EncryptedTrainer(const EncryptedTrainer&) = delete;
    EncryptedTrainer& operator=(const EncryptedTrainer&) = delete;

    // One iteration. Throws Error(invalid_argument) for a state that is finished or does not fit.
    TrainingState step(const TrainingState& state) const;

    // The model's blocks of a finished state.
    const std::vector<Ciphertext>& model(const TrainingState& state) const;

  private:
    // E_t, replicated over its lanes, block rho.
    Ciphertext errors(int t, const std::vector<Ciphertext>& products, std::size_t rho) const;

    const TrainingPlan& plan_;
    Evaluator evaluator_;
    EncryptedFeatures features_;  // refers to evaluator_
    std::vector<Ciphertext> labels_, logits_;
};

}  // namespace cipherfit
