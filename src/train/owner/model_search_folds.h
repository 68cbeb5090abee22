// The two stages of search_models() on the folds of cross-validation.
#pragma once

#include "cipherfit/train/owner/model_search.h"
#include "train/owner/held_out_loss.h"

#include <vector>

namespace cipherfit {

struct SearchFold {
    std::vector<Eigen::Index> training, held_out;  // rows, in a shuffled order
    std::vector<int> training_labels;
    Eigen::VectorXd training_weights;  // of mean 1; empty: all alike
};

// The folds, and the held-out rows of all of them in their order. Of many rows only two folds are
// used: their held-out rows are enough to tell candidates apart.
struct SearchRows {
    std::vector<SearchFold> folds;
    std::vector<int> held_labels;
    Eigen::VectorXd held_weights;  // empty: all alike
    int classes = 0;
};
SearchRows deal_search_rows(std::span<const int> labels, int classes,
                            const ModelSearchOptions& options);

// The numbers of components to try, ascending: those given, or our own up to `most`.
std::vector<Eigen::Index> numbers_to_try(const ModelSearchOptions& options, Eigen::Index most);
std::vector<double> ridges_to_try(const ModelSearchOptions& options);

// A source fitted on every fold.
using FoldComponents = std::vector<ComponentScores>;

// The held-out scores of one iteration, for each number of components (outer) and ridge (inner).
// A fold that has fewer than the number takes all that it has: with more rows there may be more.
std::vector<RowMatrix> one_step_scores(const SearchRows& rows, const FoldComponents& components,
                                       const std::vector<Eigen::Index>& numbers,
                                       const std::vector<double>& ridges);

// What a run shows after some of its iterations.
struct RunScores {
    RowMatrix scores;        // of the held-out rows
    double max_abs_z = 0.0;  // of training and held-out rows, where the run so far took gradients
};
// The twin's, on one fold, after each number of iterations in `stops` (ascending; the last is the
// recipe's).
std::vector<RunScores> run_fold(const SearchFold& fold, int classes,
                                const ComponentScores& components, Eigen::Index number,
                                double ridge, const Recipe& recipe, const std::vector<int>& stops);

}  // namespace cipherfit
