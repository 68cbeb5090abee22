#include "cipherfit/train/owner/head.h"

#include <cmath>
#include <limits>
#include <utility>

namespace cipherfit {

RowMatrix Head::scores(const RowMatrix& raw) const {
    require(raw.cols() == features(), ErrorCode::bad_input,
            "rows of {} features for a model of {}; use the features it was trained on", raw.cols(),
            features());
    RowMatrix result = raw * weights.rightCols(features()).transpose();
    result.rowwise() += weights.col(0).transpose();
    return result;
}

std::vector<int> Head::predict(const RowMatrix& raw) const {
    const RowMatrix all = scores(raw);
    std::vector<int> classes_of_rows;
    classes_of_rows.reserve(static_cast<std::size_t>(all.rows()));
    for (Eigen::Index i = 0; i < all.rows(); ++i) {
        Eigen::Index best = 0;
        for (Eigen::Index j = 1; j < all.cols(); ++j) {
            if (all(i, j) > all(i, best)) {
                best = j;
            }
        }
        classes_of_rows.push_back(static_cast<int>(best));
    }
    return classes_of_rows;
}

double Head::accuracy(const RowMatrix& raw, std::span<const int> labels) const {
    require(raw.rows() >= 1 && labels.size() == static_cast<std::size_t>(raw.rows()),
            ErrorCode::bad_input, "{} rows of features with {} labels; give one label a row",
            raw.rows(), labels.size());
    const std::vector<int> predicted = predict(raw);
    std::size_t right = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        right += predicted[i] == labels[i] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(labels.size());
}

Eigen::VectorXd Head::margins(const RowMatrix& raw) const {
    require(classes() >= 2, ErrorCode::bad_input, "a margin needs 2 classes; the model has {}",
            classes());
    const RowMatrix all = scores(raw);
    Eigen::VectorXd result(all.rows());
    for (Eigen::Index i = 0; i < all.rows(); ++i) {
        double first = -std::numeric_limits<double>::infinity();
        double second = first;
        for (Eigen::Index j = 0; j < all.cols(); ++j) {
            const double score = all(i, j);
            if (score > first) {
                second = first;
                first = score;
            } else if (score > second) {
                second = score;
            }
        }
        result(i) = first - second;
    }
    return result;
}

RowMatrix unscaled_weights(const RowMatrix& state, const Preprocessing& preprocessing,
                           const Recipe& recipe) {
    require(state.cols() == preprocessing.columns(), ErrorCode::bad_input,
            "a model of {} columns for a preprocessing of {}; they belong to different jobs",
            state.cols(), preprocessing.columns());
    require(state.allFinite(), ErrorCode::bad_input,
            "the model has weights that are not finite; the training diverged, use a smaller step "
            "or a wider sigmoid range");
    return (state * preprocessing.column_scale.asDiagonal()).array() + recipe.initial_weight;
}

RowMatrix rows_of_classes(RowMatrix model) {
    if (model.rows() != 1) {
        return model;
    }
    RowMatrix rows(2, model.cols());
    rows.row(1) = 0.5 * model.row(0);
    rows.row(0) = -rows.row(1);
    return rows;
}

Head finish_model(const RowMatrix& state, const Preprocessing& preprocessing, const Recipe& recipe,
                  std::vector<std::string> class_names) {
    const RowMatrix w = rows_of_classes(unscaled_weights(state, preprocessing, recipe));
    if (class_names.empty()) {
        for (Eigen::Index k = 0; k < w.rows(); ++k) {
            class_names.push_back(std::to_string(k));
        }
    }
    require(class_names.size() == static_cast<std::size_t>(w.rows()), ErrorCode::bad_input,
            "{} class names for {} classes; give one each or none", class_names.size(), w.rows());
    Head head;
    head.class_names = std::move(class_names);
    head.weights.resize(w.rows(), w.cols());
    head.weights.rightCols(w.cols() - 1) = w.rightCols(w.cols() - 1) * preprocessing.factor;
    head.weights.col(0) = w.col(0) - head.weights.rightCols(w.cols() - 1) * preprocessing.mean;
    if (const Eigen::VectorXd& shift = preprocessing.intercept_shift; shift.size() > 0) {
        require(shift.size() == w.rows(), ErrorCode::bad_input,
                "{} shifts of intercepts for {} classes; they belong to different jobs",
                shift.size(), w.rows());
        head.weights.col(0) += shift;
    }
    return head;
}

}  // namespace cipherfit
