#include "cipherfit/backbone/chained_features.h"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr int chain_format = 1;

}  // namespace

ChainedFeatures::ChainedFeatures(std::unique_ptr<FeatureExtractor> first,
                                 std::unique_ptr<FeatureExtractor> second)
    : first_(std::move(first)), second_(std::move(second)) {}

std::unique_ptr<ChainedFeatures> ChainedFeatures::create(std::unique_ptr<FeatureExtractor> first,
                                                         std::unique_ptr<FeatureExtractor> second) {
    require(first != nullptr && second != nullptr, ErrorCode::invalid_argument,
            "a chain needs two feature extractors");
    return std::unique_ptr<ChainedFeatures>(
        new ChainedFeatures(std::move(first), std::move(second)));
}

void ChainedFeatures::fit_rows(const RowMatrix& rows, const Eigen::VectorXd& row_weights,
                               const FeatureProgress& progress) {
    first_->fit(rows, progress, row_weights);
    second_->fit(first_->transform(rows), {}, row_weights);
}

RowMatrix ChainedFeatures::transform_rows(const RowMatrix& rows,
                                          const FeatureProgress& progress) const {
    return second_->transform(first_->transform(rows, progress));
}

nlohmann::json ChainedFeatures::steps() const {
    nlohmann::json steps = first_->steps();
    for (nlohmann::json& step : second_->steps()) {
        steps.push_back(std::move(step));
    }
    return steps;
}

nlohmann::json ChainedFeatures::state() const {
    return {
        {"kind", kind}, {"format", chain_format}, {"stages", {first_->state(), second_->state()}}};
}

Expected<std::unique_ptr<FeatureExtractor>> ChainedFeatures::from_json(const nlohmann::json& json) {
    if (!json.contains("format") || json["format"] != chain_format) {
        return make_error(ErrorCode::unsupported_version,
                          "feature extractor state: the format of a chain is not the format {} "
                          "that this version reads",
                          chain_format);
    }
    const auto stages = json.find("stages");
    if (stages == json.end() || !stages->is_array() || stages->size() != 2) {
        return make_error(ErrorCode::corrupt_data,
                          "feature extractor state: a chain has no two 'stages'");
    }
    std::array<std::unique_ptr<FeatureExtractor>, 2> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const nlohmann::json& stage = (*stages)[i];
        if (stage.is_object() && stage.contains("kind") && stage["kind"] == kind) {
            return make_error(ErrorCode::corrupt_data,
                              "feature extractor state: a chain in a chain");
        }
        auto part = feature_extractor_from_json(stage);
        if (!part) {
            return part;
        }
        parts[i] = std::move(*part);
    }
    if (parts[0]->output_dimension() != parts[1]->input_dimension()) {
        return make_error(ErrorCode::corrupt_data,
                          "feature extractor state: a chain's first stage gives {} features, the "
                          "second takes {}",
                          parts[0]->output_dimension(), parts[1]->input_dimension());
    }
    return std::unique_ptr<FeatureExtractor>(
        create(std::move(parts[0]), std::move(parts[1])).release());
}

}  // namespace cipherfit
