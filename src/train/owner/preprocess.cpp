#include "cipherfit/train/owner/preprocess.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr double epsilon = 1e-10;          // of the quadratic gradient
constexpr double largest_feature = 1e100;  // so that sums of products stay finite
constexpr std::size_t largest_feature_count = 1U << 20U;

void require_features(const RowMatrix& raw) {
    for (Eigen::Index i = 0; i < raw.rows(); ++i) {
        for (Eigen::Index j = 0; j < raw.cols(); ++j) {
            require(std::abs(raw(i, j)) <= largest_feature, ErrorCode::bad_input,
                    "feature {} of row {} is {}; features must be finite and at most 1e100 in "
                    "magnitude",
                    j + 1, i + 1, raw(i, j));
        }
    }
}

// The mean of each column. A constant column is its own mean exactly, so that it centres to zero
// and not to rounding errors which the quadratic gradient would then magnify.
Eigen::VectorXd column_means(const RowMatrix& raw) {
    Eigen::VectorXd means = raw.colwise().mean();
    for (Eigen::Index j = 0; j < raw.cols(); ++j) {
        if ((raw.col(j).array() == raw(0, j)).all()) {
            means(j) = raw(0, j);
        }
    }
    return means;
}

// sqrt(B_j), or 1 for a column of zeros.
Eigen::VectorXd column_scales(const RowMatrix& x, double batch_share) {
    const RowMatrix magnitude = x.cwiseAbs();
    // sum_k (|X|^T |X|)_jk = sum_i |x_ij| (sum_k |x_ik|).
    const Eigen::VectorXd row_sums = magnitude.rowwise().sum();
    const Eigen::VectorXd column_sums = magnitude.transpose() * row_sums;
    return column_sums.unaryExpr([=](double sum) {
        return sum > 0.0 ? 1.0 / std::sqrt(epsilon + 0.25 * batch_share * sum) : 1.0;
    });
}

tl::unexpected<ErrorInfo> malformed_preprocessing(const char* what) {
    return make_error(ErrorCode::corrupt_data, "the preprocessing's JSON {}", what);
}

std::optional<Eigen::VectorXd> vector_of(const nlohmann::json& json, const char* key,
                                         std::size_t most) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_array() || found->empty() || found->size() > most) {
        return std::nullopt;
    }
    Eigen::VectorXd values(static_cast<Eigen::Index>(found->size()));
    Eigen::Index next = 0;
    for (const auto& value : *found) {
        if (!value.is_number()) {
            return std::nullopt;
        }
        values(next++) = value.get<double>();
    }
    return values;
}

// An optional member: empty where it is missing, nothing where it is malformed.
std::optional<Eigen::VectorXd> optional_vector(const nlohmann::json& json, const char* key) {
    return json.contains(key) ? vector_of(json, key, largest_feature_count)
                              : std::optional<Eigen::VectorXd>(Eigen::VectorXd());
}

std::vector<double> to_vector(const Eigen::VectorXd& values) {
    return {values.begin(), values.end()};
}

}  // namespace

RowMatrix Preprocessing::design(const RowMatrix& raw) const {
    require(raw.cols() == features(), ErrorCode::bad_input,
            "rows of {} features for a preprocessing of {}; use the features it was fitted on",
            raw.cols(), features());
    require_features(raw);
    RowMatrix x(raw.rows(), columns());
    x.col(0).setOnes();
    x.rightCols(features()) = (raw.rowwise() - mean.transpose()) * factor;
    return x;
}

RowMatrix Preprocessing::scaled(const RowMatrix& raw) const {
    return design(raw) * column_scale.asDiagonal();
}

Preprocessing fit_preprocessing(const RowMatrix& raw, Preset preset, double batch_share,
                                ColumnScale scale) {
    require(raw.rows() >= 1 && raw.cols() >= 1, ErrorCode::bad_input,
            "training features of {} rows and {} columns; at least one of each is needed",
            raw.rows(), raw.cols());
    require(batch_share > 0.0 && batch_share <= 1.0, ErrorCode::invalid_argument,
            "a batch is more than 0 and at most 1 of the rows, got {}", batch_share);
    require_features(raw);
    Preprocessing fitted;
    fitted.preset = preset;
    fitted.mean = Eigen::VectorXd::Zero(raw.cols());
    if (scale == ColumnScale::unit) {
        require(preset == Preset::standard, ErrorCode::invalid_argument,
                "unit steps are of the preset standard, not {}", name(preset));
        const double rows = batch_share * static_cast<double>(raw.rows());
        fitted.column_scale = Eigen::VectorXd::Constant(fitted.columns(), 2.0 / std::sqrt(rows));
        return fitted;
    }
    if (preset == Preset::standard) {
        fitted.mean = column_means(raw);
        const RowMatrix centred = raw.rowwise() - fitted.mean.transpose();
        const double rms = std::sqrt(centred.squaredNorm() / static_cast<double>(raw.rows()));
        require(rms == 0.0 || (rms > 1e-100 && std::isfinite(1.0 / rms)), ErrorCode::bad_input,
                "the features vary by {} only; scale them up", rms);
        fitted.factor = rms > 0.0 ? 1.0 / rms : 1.0;
    }
    fitted.column_scale = Eigen::VectorXd::Ones(fitted.columns());
    fitted.column_scale = column_scales(fitted.design(raw), batch_share);
    return fitted;
}

RowMatrix one_hot(std::span<const int> labels, int classes) {
    require(classes >= 2, ErrorCode::bad_input, "{} classes; at least 2 are needed", classes);
    RowMatrix y = RowMatrix::Zero(static_cast<Eigen::Index>(labels.size()), classes);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        require(labels[i] >= 0 && labels[i] < classes, ErrorCode::bad_input,
                "label {} of row {} is outside 0..{}", labels[i], i + 1, classes - 1);
        y(static_cast<Eigen::Index>(i), labels[i]) = 1.0;
    }
    return y;
}

PreparedData prepare(const RowMatrix& raw, std::span<const int> labels, int classes,
                     const Preprocessing& preprocessing, const Recipe& recipe,
                     std::optional<std::size_t> heads) {
    require(raw.rows() >= 1 && labels.size() == static_cast<std::size_t>(raw.rows()),
            ErrorCode::bad_input, "{} rows of features with {} labels; give one label a row",
            raw.rows(), labels.size());
    require(preprocessing.preset == recipe.preset, ErrorCode::bad_input,
            "a preprocessing of preset {} for a recipe of preset {}; fit it for the recipe's",
            name(preprocessing.preset), name(recipe.preset));
    PreparedData data;
    const auto columns = static_cast<Eigen::Index>(
        heads.value_or(trained_heads(static_cast<std::size_t>(classes), recipe)));
    data.y = one_hot(labels, classes).rightCols(columns);
    const RowMatrix x = preprocessing.design(raw);
    data.xs = x * preprocessing.column_scale.asDiagonal();
    // W_0 is one constant, so every column of X W_0^T is that constant times the row sums.
    data.z0 = (recipe.initial_weight * x.rowwise().sum()).replicate(1, columns);
    data.column_scale = preprocessing.column_scale;
    if (preprocessing.class_weights.size() > 0) {
        require(preprocessing.class_weights.size() == classes, ErrorCode::bad_input,
                "{} class weights for {} classes; give one for each",
                preprocessing.class_weights.size(), classes);
        const Eigen::ArrayXd roots = row_weights(preprocessing.class_weights, labels).cwiseSqrt();
        data.xs.array().colwise() *= roots;
        data.z0.array().colwise() *= roots;
        data.y = 0.5 + (data.y.array() - 0.5).colwise() * roots;
    }
    return data;
}

Eigen::VectorXd row_weights(const Eigen::VectorXd& weights, std::span<const int> labels) {
    Eigen::VectorXd of(weights.size() == 0 ? 0 : static_cast<Eigen::Index>(labels.size()));
    for (Eigen::Index i = 0; i < of.size(); ++i) {
        of(i) = weights(labels[static_cast<std::size_t>(i)]);
    }
    return of;
}

Eigen::VectorXd normalised_class_weights(const Eigen::VectorXd& weights,
                                         std::span<const int> labels) {
    require((weights.array() > 0.0).all() && weights.allFinite(), ErrorCode::bad_input,
            "class weights must be finite numbers above 0");
    return weights / row_weights(weights, labels).mean();
}

Eigen::VectorXd balanced_class_weights(std::span<const int> labels, int classes) {
    const Eigen::VectorXd counts = one_hot(labels, classes).colwise().sum();
    for (Eigen::Index k = 0; k < classes; ++k) {
        require(counts(k) > 0.0, ErrorCode::bad_input,
                "class {} has no training rows to give a weight to", k);
    }
    return static_cast<double>(labels.size()) / static_cast<double>(classes) *
           counts.cwiseInverse();
}

nlohmann::json to_json(const Preprocessing& preprocessing) {
    nlohmann::json json{{"preset", name(preprocessing.preset)},
                        {"mean", to_vector(preprocessing.mean)},
                        {"factor", preprocessing.factor},
                        {"column_scale", to_vector(preprocessing.column_scale)}};
    if (preprocessing.class_weights.size() > 0) {
        json["class_weights"] = to_vector(preprocessing.class_weights);
    }
    if (preprocessing.intercept_shift.size() > 0) {
        json["intercept_shift"] = to_vector(preprocessing.intercept_shift);
    }
    return json;
}

Expected<Preprocessing> preprocessing_from_json(const nlohmann::json& json) {
    if (!json.is_object()) {
        return malformed_preprocessing("is not an object");
    }
    const auto preset_text = json.find("preset");
    if (preset_text == json.end() || !preset_text->is_string()) {
        return malformed_preprocessing("has no string \"preset\"");
    }
    const auto preset = preset_from_name(preset_text->get<std::string>());
    if (!preset) {
        return malformed_preprocessing("names an unknown preset");
    }
    const auto mean = vector_of(json, "mean", largest_feature_count);
    const auto column_scale = vector_of(json, "column_scale", largest_feature_count + 1);
    if (!mean || !column_scale || column_scale->size() != mean->size() + 1) {
        return malformed_preprocessing("needs \"mean\" and, one value longer, \"column_scale\"");
    }
    const auto factor = json.find("factor");
    if (factor == json.end() || !factor->is_number()) {
        return malformed_preprocessing("has no number \"factor\"");
    }
    const auto class_weights = optional_vector(json, "class_weights");
    const auto intercept_shift = optional_vector(json, "intercept_shift");
    if (!class_weights || !intercept_shift) {
        return malformed_preprocessing(
            "has \"class_weights\" or an \"intercept_shift\" that are no numbers");
    }
    Preprocessing read{*preset,       *mean,          factor->get<double>(),
                       *column_scale, *class_weights, *intercept_shift};
    if (!(read.factor > 0.0 && read.factor <= 1e100) ||
        !(read.mean.cwiseAbs().array() <= largest_feature).all() ||
        !(read.column_scale.array() > 0.0 && read.column_scale.array() <= 1e6).all() ||
        !(read.class_weights.array() > 0.0 && read.class_weights.array() <= 1e9).all() ||
        !(read.intercept_shift.array().abs() <= 1e9).all()) {
        return malformed_preprocessing("has values out of range");
    }
    return read;
}

}  // namespace cipherfit
