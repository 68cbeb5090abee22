// Training under encryption: the recurrence of recipe.h on ciphertexts, in the form that the plan's
// solver gives it. Primal: on the model, in the lane layout. Dual: on its coefficients A, U = A^T
// Xs, in the kernel layout, with Z = Z_0 + K A, K = Xs Xs^T, and E in the place of Q. Holds no
// secret and draws no randomness: the same inputs give the same ciphertexts, bit for bit, on any
// number of threads.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/train/plan.h"

#include <memory>
#include <vector>

namespace cipherfit {

// What the owner sends, expanded. features: Xs, block (rho, b) at rho * feature_blocks + b; dual:
// the blocks of K. labels: Y - 1/2 where there is a sample and a class, else 0, a block a rho (Y,
// not yet minus s(z): the constant 1/2 of every sigmoid is taken off here). logits: Z_0, or none
// for a zero start. start: the labels' replicas for a zero start of the dual, else none.
struct EncryptedTrainingData {
    std::vector<Ciphertext> features, labels, logits, start;
};

// M_t and U_t (dual: their coefficients' replicas) after `iteration` iterations, state_ciphertexts
// each; empty at 0, where both are zero. After the last iteration only the sequence that the recipe
// takes as the model is there.
struct TrainingState {
    int iteration = 0;
    std::vector<Ciphertext> main, extrapolated;
};

// Whether a state that was read from a file has the blocks, levels and scales that the plan gives
// it. Errors: corrupt_data.
Expected<void> check_state(const TrainingPlan& plan, const TrainingState& state);

// One solver's iteration (src/train/primal_iteration.h, dual_iteration.h).
class TrainingIteration {
  public:
    TrainingIteration() = default;
    TrainingIteration(const TrainingIteration&) = delete;
    TrainingIteration& operator=(const TrainingIteration&) = delete;
    virtual ~TrainingIteration() = default;
    // The state after one more iteration, of a state that fits the plan and is not finished.
    virtual TrainingState step(const TrainingState& state) const = 0;
};

class EncryptedTrainer {
  public:
    // Checks counts, levels and scales of the data against the plan, and that every key is there;
    // throws Error(corrupt_data) or Error(missing_key). Primal: makes the features' baby shifts.
    // `plan` and `keys` must outlive the trainer.
    EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                     EncryptedTrainingData data);

    // One iteration. Throws Error(invalid_argument) for a state that is finished or does not fit.
    TrainingState step(const TrainingState& state) const;

    // The model's blocks of a finished state.
    const std::vector<Ciphertext>& model(const TrainingState& state) const;

  private:
    const TrainingPlan& plan_;
    std::unique_ptr<TrainingIteration> iteration_;
};

}  // namespace cipherfit
