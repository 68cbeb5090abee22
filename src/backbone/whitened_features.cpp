#include "cipherfit/backbone/whitened_features.h"

#include "backbone/json_numbers.h"
#include "backbone/pipeline_steps.h"
#include "backbone/random_fourier.h"
#include "base/json_integers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr int whitening_format = 1;
constexpr Eigen::Index most_columns = 16384;
constexpr Eigen::Index default_components = 1023;
constexpr double largest_value = 1e100;
// Rows that are transformed at a time, so that the cosines of a large table never exist all at
// once.
constexpr Eigen::Index rows_at_once = 4096;
// A column whose deviation is below this share of its largest value holds its rounding alone.
constexpr double rounding_share = 1e-12;

void require_rows(const RowMatrix& rows) {
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        for (Eigen::Index j = 0; j < rows.cols(); ++j) {
            require(std::abs(rows(i, j)) <= largest_value, ErrorCode::bad_input,
                    "feature {} of row {} is {}; features must be finite and at most 1e100 in "
                    "magnitude",
                    j, i, rows(i, j));
        }
    }
}

Eigen::VectorXd weighted_mean(const RowMatrix& rows, const Eigen::VectorXd& weights) {
    return weights.size() > 0 ? Eigen::VectorXd(rows.transpose() * weights / weights.sum())
                              : Eigen::VectorXd(rows.colwise().mean().transpose());
}

// 1 / std of each column of the centred rows; 0 where that is rounding.
Eigen::VectorXd inverse_deviations(const RowMatrix& centred, const Eigen::VectorXd& largest,
                                   const Eigen::VectorXd& weights) {
    Eigen::VectorXd factors(centred.cols());
    for (Eigen::Index j = 0; j < centred.cols(); ++j) {
        // Scaled by the largest, so that squares neither overflow nor vanish.
        const double top = centred.col(j).cwiseAbs().maxCoeff();
        double deviation = 0.0;
        if (top > 0.0) {
            const auto squares = (centred.col(j) / top).array().square();
            const double mean = weights.size() > 0
                                    ? (squares * weights.array()).sum() / weights.sum()
                                    : squares.mean();
            deviation = top * std::sqrt(mean);
        }
        const double inverse = 1.0 / deviation;
        factors(j) =
            deviation > rounding_share * largest(j) && std::isfinite(inverse) ? inverse : 0.0;
    }
    return factors;
}

}  // namespace

class WhitenedFeatures::Cosines : public RandomFourier {
  public:
    using RandomFourier::RandomFourier;
};

WhitenedFeatures::WhitenedFeatures(const WhitenedOptions& options) : options_(options) {}
WhitenedFeatures::~WhitenedFeatures() = default;

std::unique_ptr<WhitenedFeatures> WhitenedFeatures::create(const WhitenedOptions& options) {
    require_projection(options.components, options.whitening, options.ridge);
    require(!options.cosines || (options.width > 0.0 && options.width <= 1e3),
            ErrorCode::invalid_argument, "a kernel of width {} is outside (0, 1e3]", options.width);
    require(!options.cosines || (options.cosine_count >= 1 && options.cosine_count <= most_columns),
            ErrorCode::invalid_argument, "{} cosines are outside 1..{}", options.cosine_count,
            most_columns);
    return std::unique_ptr<WhitenedFeatures>(new WhitenedFeatures(options));
}

std::unique_ptr<WhitenedFeatures> WhitenedFeatures::of_columns(const WhitenedOptions& options,
                                                               Eigen::VectorXd means,
                                                               Eigen::VectorXd factors) {
    require(means.size() >= 1 && means.size() == factors.size() &&
                means.size() <= most_columns * 4 && means.allFinite() && factors.allFinite(),
            ErrorCode::invalid_argument, "{} means and {} factors do not fit", means.size(),
            factors.size());
    auto result = create(options);
    result->mean_ = std::move(means);
    result->factors_ = std::move(factors);
    result->make_cosines();
    return result;
}

void WhitenedFeatures::complete(PrincipalComponents components) {
    const Eigen::Index inputs = options_.cosines ? options_.cosine_count : mean_.size();
    require(components.inputs() == inputs && components.mean.size() == inputs,
            ErrorCode::invalid_argument, "components of {} values do not fit {} features",
            components.inputs(), inputs);
    components_ = std::move(components);
}

const PrincipalComponents& WhitenedFeatures::components() const {
    if (!components_) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("the {} extractor has not been fitted: call fit() with the "
                                "training rows first",
                                name()));
    }
    return *components_;
}

Eigen::Index WhitenedFeatures::output_dimension() const {
    return components_ ? components_->components() : 0;
}

void WhitenedFeatures::make_cosines() {
    if (options_.cosines) {
        const auto inputs = static_cast<double>(mean_.size());
        cosines_ = std::make_unique<Cosines>(mean_.size(), options_.cosine_count,
                                             options_.width / inputs, options_.seed);
    }
}

RowMatrix WhitenedFeatures::phi(const RowMatrix& rows) const {
    RowMatrix scaled = (rows.rowwise() - mean_.transpose()) * factors_.asDiagonal();
    if (options_.scaling == ColumnScaling::each) {
        scaled = scaled.cwiseMax(-clip).cwiseMin(clip).eval();
    }
    return cosines_ ? (*cosines_)(scaled) : scaled;
}

void WhitenedFeatures::fit_rows(const RowMatrix& rows, const Eigen::VectorXd& row_weights,
                                const FeatureProgress& progress) {
    require(rows.rows() >= 2 && rows.cols() >= 1, ErrorCode::bad_input,
            "{} training rows of {} columns are too few: whitening needs 2 rows or more",
            rows.rows(), rows.cols());
    require_rows(rows);
    WhitenedFeatures fitted(options_);
    fitted.mean_ = weighted_mean(rows, row_weights);
    const RowMatrix centred = rows.rowwise() - fitted.mean_.transpose();
    fitted.factors_ =
        inverse_deviations(centred, rows.cwiseAbs().colwise().maxCoeff().transpose(), row_weights);
    require((fitted.factors_.array() > 0.0).any(), ErrorCode::bad_input,
            "all {} rows are equal: there is nothing to learn from them", rows.rows());
    if (options_.scaling == ColumnScaling::common) {
        const double mean_square = centred.squaredNorm() / static_cast<double>(rows.rows());
        const double factor = std::sqrt(static_cast<double>(rows.cols()) / mean_square);
        require(std::isfinite(factor), ErrorCode::bad_input,
                "the features vary by too little to be scaled");
        fitted.factors_.setConstant(factor);
    }
    fitted.make_cosines();
    const Eigen::Index wanted = options_.components > 0 ? options_.components : default_components;
    fitted.components_ = fit_principal_components(fitted.phi(rows), wanted, options_.whitening,
                                                  options_.ridge, row_weights);
    progress(rows.rows(), rows.rows());
    mean_ = std::move(fitted.mean_);
    factors_ = std::move(fitted.factors_);
    cosines_ = std::move(fitted.cosines_);
    components_ = std::move(fitted.components_);
}

RowMatrix WhitenedFeatures::before_components(const RowMatrix& rows) const {
    require_width(rows);
    require_rows(rows);
    return phi(rows);
}

void WhitenedFeatures::require_width(const RowMatrix& rows) const {
    require(rows.cols() == input_dimension(), ErrorCode::bad_input,
            "rows of {} features were given where {} were trained on: give rows of the same kind",
            rows.cols(), input_dimension());
}

RowMatrix WhitenedFeatures::transform_rows(const RowMatrix& rows,
                                           const FeatureProgress& progress) const {
    const PrincipalComponents& fitted = components();
    require_width(rows);
    require_rows(rows);
    RowMatrix result(rows.rows(), fitted.components());
    for (Eigen::Index start = 0; start < rows.rows(); start += rows_at_once) {
        const Eigen::Index count = std::min(rows_at_once, rows.rows() - start);
        result.middleRows(start, count) = fitted.project(phi(rows.middleRows(start, count)));
        progress(start + count, rows.rows());
    }
    return result;
}

RowMatrix WhitenedFeatures::column_weights(const RowMatrix& feature_weights) const {
    const PrincipalComponents& of = components();
    require(!options_.cosines && feature_weights.cols() == of.components() + 1,
            ErrorCode::invalid_argument,
            "weights of {} columns for {} features of the kind {} do not fold back to columns",
            feature_weights.cols(), of.components(), name());
    const RowMatrix of_scaled =
        feature_weights.rightCols(of.components()) * of.projection.transpose();
    RowMatrix result(feature_weights.rows(), mean_.size() + 1);
    result.rightCols(mean_.size()) = of_scaled * factors_.asDiagonal();
    result.col(0) =
        feature_weights.col(0) - of_scaled * of.mean - result.rightCols(mean_.size()) * mean_;
    return result;
}

nlohmann::json WhitenedFeatures::steps() const {
    const PrincipalComponents& fitted = components();
    const bool clipped = options_.scaling == ColumnScaling::each;
    nlohmann::json steps =
        nlohmann::json::array({{{"op", "scale"},
                                {"mean", json_list(mean_)},
                                {"factor", json_list(factors_)},
                                {"clip", clipped ? nlohmann::json(clip) : nlohmann::json()}}});
    if (cosines_) {
        steps.push_back({{"op", "cosines"},
                         {"frequencies", json_rows(cosines_->frequencies())},
                         {"phases", json_list(cosines_->phases().transpose())}});
    }
    steps.push_back(projection_step(fitted));
    return steps;
}

nlohmann::json WhitenedFeatures::state() const {
    const PrincipalComponents& fitted = components();
    nlohmann::json json{
        {"kind", name()},
        {"format", whitening_format},
        {"scaling", options_.scaling == ColumnScaling::each ? "each" : "common"},
        {"clip", options_.scaling == ColumnScaling::each ? nlohmann::json(clip) : nlohmann::json()},
        {"column_means", to_vector(mean_.data(), mean_.size())},
        {"column_factors", to_vector(factors_.data(), factors_.size())},
        {"whitening", options_.whitening},
        {"ridge", options_.ridge},
        {"mean", to_vector(fitted.mean.data(), fitted.mean.size())},
        {"standard_deviation",
         to_vector(fitted.standard_deviation.data(), fitted.standard_deviation.size())},
        {"projection", to_vector(fitted.projection.data(), fitted.projection.size())}};
    if (options_.cosines) {
        json["width"] = options_.width;
        json["cosines"] = options_.cosine_count;
        json["seed"] = options_.seed;
    }
    return json;
}

Expected<std::unique_ptr<FeatureExtractor>> WhitenedFeatures::from_json(
    const nlohmann::json& json) {
    try {
        if (json.at("format") != whitening_format) {
            return make_error(ErrorCode::unsupported_version,
                              "feature extractor state: format {} is not the format {} that this "
                              "version reads",
                              json.at("format").dump(), whitening_format);
        }
        WhitenedOptions options;
        options.cosines = json.at("kind") == rbf;
        options.whitening = json.at("whitening").get<double>();
        options.ridge = json.at("ridge").get<double>();
        const auto scaling = json.at("scaling").get<std::string>();
        require(scaling == "each" || scaling == "common", ErrorCode::corrupt_data,
                "'scaling' is neither each nor common");
        options.scaling = scaling == "each" ? ColumnScaling::each : ColumnScaling::common;
        if (options.cosines) {
            options.width = json.at("width").get<double>();
            options.cosine_count = whole_number<Eigen::Index>(json.at("cosines"));
            options.seed = whole_number<std::uint64_t>(json.at("seed"));
        }
        PrincipalComponents components;
        components.mean = finite_numbers(json, "mean");
        components.standard_deviation = finite_numbers(json, "standard_deviation");
        const Eigen::VectorXd projection = finite_numbers(json, "projection");
        const Eigen::Index rows = components.mean.size();
        const Eigen::Index columns = components.standard_deviation.size();
        options.components = columns;
        require(projection.size() == rows * columns, ErrorCode::corrupt_data,
                "{} values of a projection do not fit {} features and {} components",
                projection.size(), rows, columns);
        components.projection = Eigen::Map<const RowMatrix>(projection.data(), rows, columns);
        auto extractor = of_columns(options, finite_numbers(json, "column_means"),
                                    finite_numbers(json, "column_factors"));
        extractor->complete(std::move(components));
        return std::unique_ptr<FeatureExtractor>(std::move(extractor));
    } catch (const nlohmann::json::exception& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    }
}

}  // namespace cipherfit
