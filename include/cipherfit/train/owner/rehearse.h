// Choosing step, sigmoid degree and range for a number of iterations, in the clear, from the
// training rows alone, before anything is encrypted.
#pragma once

#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/recipe.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cipherfit {

// What is not pinned is searched: steps from 0.25 to 24 and ranges from 8 to 32. The degree is
// never searched, since a higher one costs depth: it is 3 unless pinned.
struct RehearsalOptions {
    int iterations = 2;                          // 1..max_iterations
    std::optional<double> step = std::nullopt;   // in (0, 1e6]
    std::optional<int> degree = std::nullopt;    // 1, 3, 5 or 7
    std::optional<double> range = std::nullopt;  // in (0, 64]
    Momentum momentum = Momentum::nesterov;
    double decay = 0.0;                  // of the weights, see recipe.h; not searched
    int folds = 5;                       // >= 2; as many as rows where there are fewer
    std::uint64_t seed = 1;              // of the folds, which keep the classes' shares
    Eigen::VectorXd class_weights = {};  // c values > 0, of any scale; empty: all alike
};

// One combination, measured by cross-validation. "Training |z|" is that of every point at which a
// gradient is taken: the arguments of the polynomial under encryption.
struct RehearsalCandidate {
    double step = 0.0;
    int degree = 0;
    double range = 0.0;
    double accuracy = 0.0;            // share of held-out rows predicted right
    double loss = 0.0;                // mean softmax cross-entropy of held-out rows
    double max_abs_z = 0.0;           // training |z| of the folds' runs and of the run on all rows
    double max_abs_z_held_out = 0.0;  // the same for the rows held out of each fold's run
    double stability = 0.0;           // step s'(0) lambda_max(Xs Xs^T)
    bool in_range = false;            // both |z| stay within 0.95 of the sigmoid's range
    bool stable = false;              // see rehearse()
};

// Scores of rows that took no part in the training of the model that gave them: what probabilities
// are calibrated on. Row i is of a row of the class labels[i].
struct HeldOutScores {
    RowMatrix scores;         // rows x c
    std::vector<int> labels;  // one a row
    // What a row counts for where classes are weighted or their shares are to be others than the
    // training rows'; empty: all alike.
    Eigen::VectorXd weights = {};
};

// The factor that turns scores into log-odds best: the one that makes the weighted cross-entropy of
// softmax(factor * scores) least. `weights`: as in HeldOutScores.
double least_loss_scale(const RowMatrix& scores, std::span<const int> labels,
                        const Eigen::VectorXd& weights = {});

struct Rehearsal {
    Recipe recipe;
    RehearsalCandidate chosen;
    std::vector<RehearsalCandidate> candidates;  // the whole grid
    double lambda_max = 0.0;                     // of Xs Xs^T over all training rows
    HeldOutScores held_out;                      // of the chosen candidate, over all folds
};

// Runs every candidate of the grid on the folds (preprocessing fitted anew on each fold's training
// part) and on all rows, and chooses: of the candidates that are in range and stable, those whose
// accuracy is within one standard error of the best; of these the smallest loss; of equals the
// smallest stability number.
// Stable: an error at the start does not grow in the linearised recurrence, for any curvature
// up to the stability number and over the run's iterations. As the iterations grow this tends to
// step s'(0) lambda_max <= 4/3; few iterations bear more (2.0 for one or two). A pinned step is not
// held to it, only to the range. With one row, that row is its own held-out row.
//
// `raw`: n x features, labels 0..classes-1. Throws Error (bad_input) when no candidate stays in
// range, with the numbers of the nearest and what to change.
Rehearsal rehearse(const RowMatrix& raw, std::span<const int> labels, int classes,
                   const RehearsalOptions& options = {});

// The largest eigenvalue of Xs Xs^T, in [0, 4], by power iteration to a relative 1e-6.
// Throws Error (bad_input) for an empty matrix or values that are not finite.
double largest_eigenvalue(const RowMatrix& xs);

// Without a rehearsal: the step at which step s'(0) lambda_max(Xs Xs^T) = 1.3, below the limit 4/3
// up to which the linearised momentum method is stable for any number of iterations. The rule knows
// nothing of |z|: where a cubic's rows leave its range by far they are pushed outward, and long
// runs on classes that overlap can diverge. Rehearse where the training rows are at hand; check the
// twin's |z| where they are not. `xs` from Preprocessing::scaled(). Throws Error
// (invalid_argument, bad_input) for values out of range.
Recipe recipe_from_norms(const RowMatrix& xs, int iterations, int degree = 3, double range = 12.0,
                         Momentum momentum = Momentum::nesterov);

}  // namespace cipherfit
