// Candidates of search_models() with what they reach, and the choice between them.
#pragma once

#include "cipherfit/train/model_search.h"
#include "train/held_out_loss.h"

#include <vector>

namespace cipherfit {

// A candidate with the losses that it is compared by.
struct Judged {
    ModelCandidate candidate;
    HeldOutLoss held_out;
    int degree = 0;  // of the sigmoid
};

// `scores`: of the held-out rows, n x c. Fills in the candidate's loss, accuracy and work.
Judged judge(ModelCandidate candidate, const RowMatrix& scores, std::span<const int> labels,
             const Eigen::VectorXd& weights, int degree);

// Whether the loss is finite and |z| stays in range. A straight line pulls back wherever it is
// evaluated: its range is only where it was fitted.
bool usable(const Judged& judged);

// Of candidates that are not none. The first is unusable only where all are.
const Judged& least_loss(const std::vector<Judged>& all);
const Judged& most_accurate(const std::vector<Judged>& all);
// See search_models().
const Judged& cheapest_good(const std::vector<Judged>& all, const Judged& best,
                            const Eigen::VectorXd& weights);

}  // namespace cipherfit
