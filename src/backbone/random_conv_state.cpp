#include "backbone/random_conv_state.h"

#include "backbone/filter_bank.h"
#include "backbone/json_numbers.h"
#include "base/json_integers.h"
#include "cipherfit/base/secure.h"

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Readers of the first format know no unit rows: those states are of the second.
constexpr int plain_format = 1;
constexpr int unit_rows_format = 2;

Eigen::Index whole(const nlohmann::json& json, const char* key) {
    return whole_number<Eigen::Index>(json.at(key));
}

RandomConvOptions read_options(const nlohmann::json& json) {
    RandomConvOptions options;
    options.shape = {whole(json, "height"), whole(json, "width")};
    options.filter_size = whole(json, "filter_size");
    options.filters = whole(json, "filters");
    options.grid = whole(json, "grid");
    options.components = whole(json, "components");
    options.threshold = json.at("threshold").get<double>();
    options.whitening = json.at("whitening").get<double>();
    options.ridge = json.value("ridge", 0.0);
    options.unit_rows = json.value("unit_rows", false);
    options.seed = whole_number<std::uint64_t>(json.at("seed"));
    return options;
}

}  // namespace

std::string filter_bank_fingerprint(const FloatRows& filters) {
    return to_hex(sha256(filter_bank_bytes(filters)));
}

nlohmann::json random_conv_state(const RandomConvOptions& options, const FloatRows& filters,
                                 const PrincipalComponents& components) {
    nlohmann::json state = {
        {"kind", RandomConvFeatures::kind},
        {"format", options.unit_rows ? unit_rows_format : plain_format},
        {"options",
         {{"height", options.shape.height},
          {"width", options.shape.width},
          {"filter_size", options.filter_size},
          {"filters", options.filters},
          {"grid", options.grid},
          {"threshold", options.threshold},
          {"components", options.components},
          {"whitening", options.whitening},
          {"ridge", options.ridge},
          {"seed", options.seed}}},
        {"filters_sha256", filter_bank_fingerprint(filters)},
        {"mean", to_vector(components.mean.data(), components.mean.size())},
        {"standard_deviation",
         to_vector(components.standard_deviation.data(), components.standard_deviation.size())},
        {"projection", to_vector(components.projection.data(), components.projection.size())}};
    if (options.unit_rows) {
        state["options"]["unit_rows"] = true;
    }
    return state;
}

Expected<RandomConvState> read_random_conv_state(const nlohmann::json& json) {
    try {
        if (json.at("format") != plain_format && json.at("format") != unit_rows_format) {
            return make_error(ErrorCode::unsupported_version,
                              "feature extractor state: format {} is not one of the formats {} and "
                              "{} that this version reads",
                              json.at("format").dump(), plain_format, unit_rows_format);
        }
        RandomConvState state;
        state.options = read_options(json.at("options"));
        state.filters_sha256 = json.at("filters_sha256").get<std::string>();
        PrincipalComponents& components = state.components;
        components.mean = finite_numbers(json, "mean");
        components.standard_deviation = finite_numbers(json, "standard_deviation");
        const Eigen::VectorXd projection = finite_numbers(json, "projection");
        const Eigen::Index rows = components.mean.size();
        const Eigen::Index columns = components.standard_deviation.size();
        if (projection.size() != rows * columns) {
            return make_error(ErrorCode::corrupt_data,
                              "feature extractor state: 'projection' has {} values where {} means "
                              "and {} standard deviations ask for {}",
                              projection.size(), rows, columns, rows * columns);
        }
        components.projection = Eigen::Map<const RowMatrix>(projection.data(), rows, columns);
        return state;
    } catch (const nlohmann::json::exception& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    }
}

}  // namespace cipherfit
