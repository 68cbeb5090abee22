// The trained classification head: a plain linear model over RAW features, as its owner uses it.
#pragma once

#include "cipherfit/train/owner/preprocess.h"
#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

namespace cipherfit {

struct Head {
    RowMatrix weights;                     // c x (features + 1), bias first, for raw features
    std::vector<std::string> class_names;  // c names

    Eigen::Index classes() const noexcept { return weights.rows(); }
    Eigen::Index features() const noexcept { return weights.cols() - 1; }

    // raw (n x features) w[1:]^T + w[0]: n x c. All four throw Error (bad_input) for
    // another number of features.
    RowMatrix scores(const RowMatrix& raw) const;
    // The class of the largest score, the lowest such class on a tie.
    std::vector<int> predict(const RowMatrix& raw) const;
    // The share of rows, in [0, 1], that are predicted as labelled; n >= 1 rows.
    double accuracy(const RowMatrix& raw, std::span<const int> labels) const;
    // Largest score minus second largest, per row: a deviation of scores below half of it cannot
    // change the prediction. c >= 2.
    Eigen::VectorXd margins(const RowMatrix& raw) const;
};

// The unscaled weights W = W_0 + state D, c x d, for the columns of Preprocessing::design().
// `state`: the decrypted M_T or U_T of the recipe, c x d. Throws Error (bad_input) for
// another width or values that are not finite.
RowMatrix unscaled_weights(const RowMatrix& state, const Preprocessing& preprocessing,
                           const Recipe& recipe);

// Rows for all classes. A model of a single head w, whose logit is that of class 1 against class 0,
// becomes the rows -w/2 and w/2: their difference is the logit, and their softmax its sigmoid, the
// probability that was trained. Other models stay as they are.
RowMatrix rows_of_classes(RowMatrix model);
// How much of a change of the model's weights reaches a row.
constexpr double row_share(std::size_t heads) noexcept {
    return heads == 1 ? 0.5 : 1.0;
}

// unscaled_weights() with centring and factor folded in, w_raw = factor W[1:],
// b_raw = W[0] - factor W[1:] . mean + the intercepts' shift, as rows of all classes. Class names
// default to "0", "1", ...;
// throws Error (bad_input) for another number of names than of classes.
Head finish_model(const RowMatrix& state, const Preprocessing& preprocessing, const Recipe& recipe,
                  std::vector<std::string> class_names = {});

}  // namespace cipherfit
