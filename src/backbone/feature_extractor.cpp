#include "cipherfit/backbone/feature_extractor.h"

#include "cipherfit/backbone/chained_features.h"
#include "cipherfit/backbone/pca_features.h"
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/io/file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Larger than any state within the limits of the options, smaller than what would hurt to parse.
constexpr std::size_t max_state_bytes = std::size_t{1} << 30;

FeatureProgress callable(const FeatureProgress& progress) {
    return progress ? progress : [](Eigen::Index, Eigen::Index) {};
}

}  // namespace

void FeatureExtractor::fit(const RowMatrix& images, const FeatureProgress& progress,
                           const Eigen::VectorXd& row_weights) {
    fit_rows(images, row_weights, callable(progress));
}

RowMatrix FeatureExtractor::transform(const RowMatrix& images,
                                      const FeatureProgress& progress) const {
    return transform_rows(images, callable(progress));
}

Expected<std::unique_ptr<FeatureExtractor>> feature_extractor_from_json(
    const nlohmann::json& json) {
    const auto kind = json.is_object() ? json.find("kind") : json.end();
    if (!json.is_object() || kind == json.end() || !kind->is_string()) {
        return make_error(ErrorCode::corrupt_data,
                          "feature extractor state: not an object with a 'kind'");
    }
    if (*kind == RandomConvFeatures::kind) {
        return RandomConvFeatures::from_json(json);
    }
    if (*kind == PcaFeatures::kind) {
        return PcaFeatures::from_json(json);
    }
    if (*kind == WhitenedFeatures::standardised || *kind == WhitenedFeatures::rbf) {
        return WhitenedFeatures::from_json(json);
    }
    if (*kind == ChainedFeatures::kind) {
        return ChainedFeatures::from_json(json);
    }
    return make_error(ErrorCode::corrupt_data,
                      "feature extractor state: kind {} is unknown; this version knows '{}', '{}', "
                      "'{}', '{}' and '{}'",
                      kind->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace),
                      RandomConvFeatures::kind, PcaFeatures::kind, WhitenedFeatures::standardised,
                      WhitenedFeatures::rbf, ChainedFeatures::kind);
}

nlohmann::json FeatureExtractor::steps() const {
    throw Error(ErrorCode::bad_input,
                fmt::format("features of the kind {} have no description in steps", name()));
}

void save_feature_extractor(const FeatureExtractor& extractor, const std::filesystem::path& file) {
    const std::string text = extractor.state().dump() + "\n";
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    if (const auto written = write_file(file, bytes, {.mode = 0600}); !written) {
        throw Error(written.error());
    }
}

Expected<std::unique_ptr<FeatureExtractor>> load_feature_extractor(
    const std::filesystem::path& file) {
    const auto bytes = read_file(file, max_state_bytes);
    if (!bytes) {
        return tl::unexpected(bytes.error());
    }
    const nlohmann::json json = nlohmann::json::parse(*bytes, nullptr, false);
    if (json.is_discarded()) {
        return make_error(ErrorCode::corrupt_data, "{} is no feature extractor state: not JSON",
                          file.string());
    }
    auto extractor = feature_extractor_from_json(json);
    if (!extractor) {
        return make_error(extractor.error().code, "{}: {}", file.string(),
                          extractor.error().message);
    }
    return extractor;
}

}  // namespace cipherfit
