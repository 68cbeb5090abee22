// Training under encryption: the recurrence of recipe.h on ciphertexts, in the form that the plan's
// solver gives it. Primal: on the model, in the lane layout. Dual: on its coefficients A, U = A^T
// Xs, in the Gram layout, with Z = Z_0 + K A, K = Xs Xs^T, and E in the place of Q. Holds no
// secret and draws no randomness: the same inputs give the same ciphertexts, bit for bit, on any
// number of threads.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/solver/sequences.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace cipherfit {

// What the owner sends of a batch, expanded: TrainingPlan::messages(). Of the gradient solvers,
// features: Xs, block (rho, b) at rho * feature_blocks + b; dual: the blocks of K, or the chunks of
// Xs's rows and then of its skewed rows. labels: Y - 1/2 where there is a sample and a class, else
// 0, a block a rho (Y, not yet minus s(z): the constant 1/2 of every sigmoid is taken off here).
// logits: Z_0, or none for a zero start. start: the labels' replicas for a zero start of the dual,
// else none.
using EncryptedTrainingData = Sequences<Ciphertext>;

// What is there after `iteration` iterations, TrainingPlan::state(): nothing at 0, where all is
// zero; then main, M_t, and extrapolated, U_t, state_ciphertexts each. Of the dual, their
// coefficients' replicas; with bootstrappings the logits' values D_M and D_U, and replicas of the
// model's coefficients as far as they are added up; likewise of the contributions to A_M and A_U at
// the end of the state's segment , complete where the state stands there. After the last iteration
// only the sequence that the recipe takes as the model is there.
struct TrainingState {
    int iteration = 0;
    Sequences<Ciphertext> sequences = {};

    const std::vector<Ciphertext>& operator[](std::string_view name) const {
        return sequences[name];
    }
    std::vector<Ciphertext>& operator[](std::string_view name) { return sequences[name]; }
};

// Whether a state that was read from a file has the blocks, levels and scales that the plan gives
// it. Errors: corrupt_data.
Expected<void> check_state(const TrainingPlan& plan, const TrainingState& state);

// Gives the data of a file of rows, 0..plan.row_files()-1. It is asked for plan.files_of(t) in
// iteration t.
using BatchSource = std::function<EncryptedTrainingData(std::size_t batch)>;

class EncryptedTrainer {
  public:
    // Checks counts, levels and scales of the data against the plan, and that every key is there;
    // throws Error(corrupt_data) or Error(missing_key). Primal: makes the features' baby shifts.
    // `plan` and `keys` must outlive the trainer.
    EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                     EncryptedTrainingData data);
    // For a plan with mini-batches. Their data is asked for when its iteration comes, and step()
    // holds it to the same checks.
    EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys, BatchSource source);

    // One iteration, after a bootstrapping where the plan has one there. Throws
    // Error(invalid_argument) for a state that is finished or does not fit.
    TrainingState step(const TrainingState& state);

    // The model's blocks of a finished state.
    const std::vector<Ciphertext>& model(const TrainingState& state) const;

    ~EncryptedTrainer();
    EncryptedTrainer(EncryptedTrainer&&) noexcept;
    EncryptedTrainer& operator=(EncryptedTrainer&&) = delete;

  private:
    // Evaluator, bootstrapper and the solver's circuit over them.
    struct Engine;
    const TrainingPlan& plan_;
    std::unique_ptr<Engine> engine_;
};

}  // namespace cipherfit
