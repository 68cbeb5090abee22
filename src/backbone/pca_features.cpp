#include "cipherfit/backbone/pca_features.h"

#include "backbone/json_numbers.h"
#include "backbone/pipeline_steps.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr int pca_format = 1;

}  // namespace

std::unique_ptr<PcaFeatures> PcaFeatures::create(const PcaOptions& options) {
    require_projection(options.components, options.whitening, options.ridge);
    return std::unique_ptr<PcaFeatures>(new PcaFeatures(options));
}

const PrincipalComponents& PcaFeatures::fitted() const {
    if (!components_) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("the {} extractor has not been fitted: call fit() with the "
                                "training rows first",
                                kind));
    }
    return *components_;
}

Eigen::Index PcaFeatures::input_dimension() const {
    return components_ ? components_->inputs() : 0;
}

Eigen::Index PcaFeatures::output_dimension() const {
    return components_ ? components_->components() : 0;
}

void PcaFeatures::fit_rows(const RowMatrix& rows, const Eigen::VectorXd& row_weights,
                           const FeatureProgress& progress) {
    require(rows.rows() >= 2, ErrorCode::bad_input,
            "{} training rows are too few: principal components need 2 or more", rows.rows());
    const Eigen::Index wanted = options_.components > 0 ? options_.components : default_components;
    PrincipalComponents components =
        fit_principal_components(rows, wanted, options_.whitening, options_.ridge, row_weights);
    require(options_.components == 0 || options_.at_most || components.components() == wanted,
            ErrorCode::bad_input,
            "{} principal components were asked for, but the {} training rows of {} features have "
            "the rank {}: ask for at most that many",
            wanted, rows.rows(), rows.cols(), components.components());
    progress(rows.rows(), rows.rows());
    components_ = std::move(components);
}

RowMatrix PcaFeatures::transform_rows(const RowMatrix& rows,
                                      const FeatureProgress& progress) const {
    require(rows.cols() == fitted().inputs(), ErrorCode::bad_input,
            "rows of {} features were given where the principal components are of {}: give "
            "features of the same network",
            rows.cols(), fitted().inputs());
    RowMatrix result = fitted().project(rows);
    progress(rows.rows(), rows.rows());
    return result;
}

nlohmann::json PcaFeatures::steps() const {
    return nlohmann::json::array({projection_step(fitted())});
}

nlohmann::json PcaFeatures::state() const {
    const PrincipalComponents& components = fitted();
    return {{"kind", kind},
            {"format", pca_format},
            {"whitening", options_.whitening},
            {"ridge", options_.ridge},
            {"mean", to_vector(components.mean.data(), components.mean.size())},
            {"standard_deviation",
             to_vector(components.standard_deviation.data(), components.standard_deviation.size())},
            {"projection", to_vector(components.projection.data(), components.projection.size())}};
}

Expected<std::unique_ptr<FeatureExtractor>> PcaFeatures::from_json(const nlohmann::json& json) {
    try {
        if (json.at("format") != pca_format) {
            return make_error(ErrorCode::unsupported_version,
                              "feature extractor state: format {} is not the format {} that this "
                              "version reads",
                              json.at("format").dump(), pca_format);
        }
        PrincipalComponents components;
        components.mean = finite_numbers(json, "mean");
        components.standard_deviation = finite_numbers(json, "standard_deviation");
        const Eigen::VectorXd projection = finite_numbers(json, "projection");
        const Eigen::Index rows = components.mean.size();
        const Eigen::Index columns = components.standard_deviation.size();
        require(projection.size() == rows * columns, ErrorCode::corrupt_data,
                "'projection' has {} values where {} means and {} standard deviations ask for {}",
                projection.size(), rows, columns, rows * columns);
        components.projection = Eigen::Map<const RowMatrix>(projection.data(), rows, columns);
        auto extractor =
            create({columns, json.at("whitening").get<double>(), json.value("ridge", 0.0)});
        extractor->components_ = std::move(components);
        return std::unique_ptr<FeatureExtractor>(std::move(extractor));
    } catch (const nlohmann::json::exception& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    }
}

}  // namespace cipherfit
