// Candidates of search_models() with what they reach, and the choice between them.
#pragma once

#include "cipherfit/train/owner/model_search.h"
#include "train/owner/held_out_loss.h"

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

// Both ask for at least one candidate. What they return is unusable only where all are.
const Judged& least_loss(const std::vector<Judged>& all);
const Judged& most_accurate(const std::vector<Judged>& all);
// The candidate of least work of those whose loss and share of wrong rows are within one paired
// standard error of the best's.
const Judged& cheapest_good(const std::vector<Judged>& all, const Judged& best,
                            const Eigen::VectorXd& weights);
// The least loss of the usual number of iterations; of another number where that is lower by more
// than a paired standard error, or where no run of the usual length is usable. Fewer components are
// taken where loss and share of wrong rows stay within a quarter of a standard error.
const Judged& best_of_usual_length(const std::vector<Judged>& all, int usual,
                                   const Eigen::VectorXd& weights);

// Adds the candidate with its |z| forgotten, unless one of the same features is there.
void add_features(const Judged& judged, std::vector<ModelCandidate>& chosen);
// Adds candidates of at most so many features that are not there, by ascending loss.
void add_best_features(const std::vector<Judged>& judged, std::size_t most,
                       std::vector<ModelCandidate>& chosen);

}  // namespace cipherfit
