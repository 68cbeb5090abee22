// Which columns a model's right answers hang on.
#pragma once

#include "cipherfit/train/owner/preprocess.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// Columns first, ..., first + count - 1 of the rows, which belong together, as those of one text
// column do.
struct ColumnGroup {
    std::string name;
    Eigen::Index first = 0, count = 1;
};

// What is lost where a group's values are those of other rows: means over the shuffles, with the
// standard error over them (0 for a single one).
struct GroupImportance {
    double accuracy_lost = 0.0, accuracy_error = 0.0;
    double loss_gained = 0.0, loss_error = 0.0;  // of the log loss
};

// Permutation importance (Breiman, Machine Learning 45, 2001): `probabilities` gives n x c of
// rows, `predict` their classes; labels 0..c-1; shuffles >= 1. Groups that say the same thing share
// their importance, so that both may look unimportant. Throws Error (invalid_argument) for sizes
// that disagree.
struct ModelFunction {
    std::function<RowMatrix(const RowMatrix&)> probabilities;
    std::function<std::vector<int>(const RowMatrix&)> predict;
};
std::vector<GroupImportance> permutation_importance(const ModelFunction& model,
                                                    const RowMatrix& rows,
                                                    std::span<const int> labels,
                                                    std::span<const ColumnGroup> groups,
                                                    int shuffles, std::uint64_t seed);

}  // namespace cipherfit
