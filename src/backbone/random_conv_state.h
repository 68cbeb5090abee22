// The saved form of RandomConvFeatures, one JSON object:
//   {"kind": "random-conv", "format": 1, "options": {...}, "filters_sha256": "...",
//    "mean": [D numbers], "standard_deviation": [k numbers], "projection": [D k numbers,
//    row-major]}
// The filters follow from the seed; their SHA-256 makes a change of the generator show.
#pragma once

#include "backbone/convolution.h"
#include "cipherfit/backbone/random_conv.h"

#include <string>

namespace cipherfit {

struct RandomConvState {
    RandomConvOptions options;
    std::string filters_sha256;
    PrincipalComponents components;
};

std::string filter_bank_fingerprint(const FloatRows& filters);

nlohmann::json random_conv_state(const RandomConvOptions& options, const FloatRows& filters,
                                 const PrincipalComponents& components);

// Checks shapes, types and finiteness; the ranges of the options and the fingerprint are the
// caller's to check. ErrorCode::corrupt_data, ErrorCode::unsupported_version.
Expected<RandomConvState> read_random_conv_state(const nlohmann::json& json);

}  // namespace cipherfit
