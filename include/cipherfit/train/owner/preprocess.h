// From raw features to the matrices that are encrypted. Fitted on the training rows only.
//
//     X  = [1 | (F - 1 mean^T) factor]                  n x d, d = features + 1, bias first
//     B_j = 1 / (1e-10 + 1/4 sum_k (|X|^T |X|)_jk)       quadratic gradient (arXiv 2304.03807)
//     D  = diag(sqrt(B)),   Xs = X D                     the change of variable
//
// In the coordinates Us = (W - W_0) D^-1 the quadratic-gradient step W += step B o (E^T X) is the
// plain step Us += step E^T Xs, so that B occurs nowhere under encryption, and Z = Z_0 + Xs Us^T
// with Z_0 = X W_0^T. Since D^-2 >= 1/4 X^T X, the eigenvalues of Xs Xs^T lie in [0, 4]; since X
// has a column of ones, every |Xs_ij| is below 2. With mini-batches B is that of an average batch:
// the eigenvalues are those of a batch's rows, up to how far it is from the average.
//
// Columns that are whitened components (variances of at most 1, no correlation, mean 0) need no
// such diagonal, which would undo the whitening: ColumnScale::unit takes D = sqrt(4 / (n
// batch_share)) I for all of them and the bias, mean = 0 and factor = 1. The eigenvalues of Xs Xs^T
// are again at most 4.
//
// Otherwise: preset standard: mean = column means, factor = 1 / RMS over the rows of the centred
// rows' norms (one number for all rows, bias not counted; 1 when all rows are equal), which folds
// back into raw weights exactly. Preset chiang2023: mean = 0, factor = 1.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <optional>
#include <span>

#include <Eigen/Core>
#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Preprocessing {
    Preset preset = Preset::standard;
    Eigen::VectorXd mean;  // one per feature
    double factor = 1.0;   // > 0
    Eigen::VectorXd
        column_scale;  // diagonal of D, features + 1 values > 0, bias first; 1 where the
                       // column of X is zero, for which any value gives the same iterates
    // Weights of the classes' rows, c values > 0, of mean 1 over the training rows; empty: all
    // alike. prepare() folds them into the rows.
    Eigen::VectorXd class_weights = {};
    // What a finished model adds to its classes' intercepts, c values; empty: nothing. For other
    // shares of the classes than those trained on.
    Eigen::VectorXd intercept_shift = {};

    Eigen::Index features() const noexcept { return mean.size(); }
    Eigen::Index columns() const noexcept { return mean.size() + 1; }  // d

    // X of other rows of the same features. Throws Error (bad_input) for another number of columns
    // or values that are not finite.
    RowMatrix design(const RowMatrix& raw) const;

    // Xs = design(raw) D.
    RowMatrix scaled(const RowMatrix& raw) const;
};

enum class ColumnScale {
    quadratic,  // sqrt(B_j)
    unit,       // one number for all columns: of whitened components
};

// `raw`: n x features, n >= 1, features >= 1, |values| <= 1e100. `batch_share`: the part of the
// rows that an iteration takes, in (0, 1]; B is then that of an average batch, the sum over all
// rows times the share. Throws Error (bad_input, invalid_argument).
Preprocessing fit_preprocessing(const RowMatrix& raw, Preset preset, double batch_share = 1.0,
                                ColumnScale scale = ColumnScale::quadratic);

// What the owner encrypts, and what the twin runs on.
struct PreparedData {
    RowMatrix xs;                  // n x d
    RowMatrix y;                   // n x c, one-hot; n x 1 for a single head: 1 in rows of class 1
    RowMatrix z0;                  // n x c, Z_0 = X W_0^T: the logits of the initial weights
    Eigen::VectorXd column_scale;  // d

    Eigen::Index samples() const noexcept { return xs.rows(); }
    Eigen::Index columns() const noexcept { return xs.cols(); }
    Eigen::Index heads() const noexcept { return y.cols(); }  // c
    // Whether Z_0 is zero, so that the first iteration has P = 1/2 exactly.
    bool zero_start() const { return (z0.array() == 0.0).all(); }
};

// A column for every class: labels are 0..classes-1, classes >= 2. Throws Error (bad_input).
RowMatrix one_hot(std::span<const int> labels, int classes);

// For a run of so many heads, trained_heads() of the recipe unless given: the columns of all
// classes, or the last one.
// With class weights, row i of Xs and of Z_0 is multiplied by sqrt(w_i), and its labels become 1/2
// + sqrt(w_i) (y - 1/2). With the linear part of the sigmoid that is weighted least squares
// exactly, and the encrypted computation stays as it is. Throws Error (bad_input) where the rows,
// the labels or the preset of the recipe do not fit.
PreparedData prepare(const RowMatrix& raw, std::span<const int> labels, int classes,
                     const Preprocessing& preprocessing, const Recipe& recipe,
                     std::optional<std::size_t> heads = std::nullopt);

// The weight of each class, of mean 1 over the rows: from any positive numbers, one a class.
Eigen::VectorXd normalised_class_weights(const Eigen::VectorXd& weights,
                                         std::span<const int> labels);
// Those that give every class the same share: n / (c n_k). Throws Error (bad_input) for a class
// without rows.
Eigen::VectorXd balanced_class_weights(std::span<const int> labels, int classes);
// The weight of each row's class; empty where `weights` is.
Eigen::VectorXd row_weights(const Eigen::VectorXd& weights, std::span<const int> labels);

// {"preset", "mean", "factor", "column_scale", and where they are not empty "class_weights",
// "intercept_shift"}; doubles survive bit for bit. Untrusted JSON of
// another shape, with values out of range or of unequal lengths gives ErrorCode::corrupt_data.
nlohmann::json to_json(const Preprocessing& preprocessing);
Expected<Preprocessing> preprocessing_from_json(const nlohmann::json& json);

}  // namespace cipherfit
