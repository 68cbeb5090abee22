// Choosing step, sigmoid degree and range for a number of iterations, in the clear, from the
// training rows alone, before anything is encrypted.
#pragma once

#include "cipherfit/train/preprocess.h"
#include "cipherfit/train/recipe.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cipherfit {

struct RehearsalOptions {
    int iterations = 2;           // 1..max_iterations
    std::optional<double> step;   // pinned, or searched over 4, 6, 8, 12, 16, 24
    std::optional<int> degree;    // pinned, or 3: a higher degree costs depth
    std::optional<double> range;  // pinned, or searched over 8, 12, 16, 24
    int folds = 5;                // 2..n; fewer when there are fewer rows
    std::uint64_t seed = 1;       // of the folds
};

// One combination, measured by cross-validation.
struct RehearsalCandidate {
    double step = 0.0;
    int degree = 0;
    double range = 0.0;
    double accuracy = 0.0;  // share of held-out rows predicted right, all folds
    double loss = 0.0;      // mean softmax cross-entropy of held-out rows
    double loss_standard_error = 0.0;
    double max_abs_z = 0.0;           // training rows, all iterations, all folds and the full run
    double max_abs_z_held_out = 0.0;  // held-out rows under the final models
    double stability = 0.0;           // step s'(0) lambda_max(Xs Xs^T)
    bool safe = false;                // |z| stays inside the sigmoid's safe zone
};

struct Rehearsal {
    Recipe recipe;
    RehearsalCandidate chosen;
    std::vector<RehearsalCandidate> candidates;  // all of the grid, in its order
    double lambda_max = 0.0;                     // of Xs Xs^T over all training rows
};

// `raw`: n x features, labels 0..classes-1. The chosen candidate is described in
// src/train/rehearse.cpp and in the recipe it returns. Throws Error (bad_input) when no candidate
// is safe, with the numbers of the safest and what to change.
Rehearsal rehearse(const RowMatrix& raw, std::span<const int> labels, int classes,
                   const RehearsalOptions& options = {});

// The largest eigenvalue of Xs Xs^T, in [0, 4], by power iteration to a relative 1e-6.
double largest_eigenvalue(const RowMatrix& xs);

// Without a rehearsal: the step at which step s'(0) lambda_max(Xs Xs^T) = 1.3, the rule under which
// the momentum method is stable for any number of iterations. `xs` from Preprocessing::scaled().
Recipe recipe_from_norms(const RowMatrix& xs, int iterations, int degree = 3, double range = 12.0);

}  // namespace cipherfit
