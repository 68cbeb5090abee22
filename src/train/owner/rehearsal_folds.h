// Cross-validation for rehearsals: the training rows as problems with rows to judge them by.
#pragma once

#include "cipherfit/train/owner/preprocess.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// The fold, 0..folds-1, of each row: shuffled, sorted by class and dealt in turn, so that folds
// keep the classes' shares.
std::vector<std::size_t> deal_folds(std::span<const int> labels, std::size_t folds,
                                    std::uint64_t seed);

// One training problem with rows to judge it by.
struct RehearsalProblem {
    PreparedData data;
    RowMatrix held_out;            // scaled features
    std::vector<int> held_labels;  // none for the problem of all rows

    // With fewer rows than columns, training lives in the row space: goes over to coordinates in an
    // orthonormal basis of it, which give the same z from smaller matrices.
    void compress();
};

// `folds` problems (fewer where there are fewer rows), preprocessing fitted on each one's training
// part, then the problem of all rows without any held out. Folds keep the classes' shares. A single
// row is its own held-out row.
std::vector<RehearsalProblem> make_problems(const RowMatrix& raw, std::span<const int> labels,
                                            int classes, int folds, std::uint64_t seed,
                                            const Eigen::VectorXd& class_weights = {});

// log sum_k exp(score_k) - score_label: the softmax cross-entropy of one row of finite scores.
double softmax_loss(const Eigen::RowVectorXd& scores, int label);

}  // namespace cipherfit
