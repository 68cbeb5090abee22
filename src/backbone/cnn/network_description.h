// How pictures enter a network and where its features come out: the JSON file beside an ONNX file.
#pragma once

#include "cipherfit/base/error.h"

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

enum class Channels { rgb, bgr, grey };
enum class Resize {
    crop,     // shorter side to the input's, then the middle
    stretch,  // both sides to the input's
};

// A value p of a channel enters as (p - mean) * scale, p from 0 to 255.
struct NetworkDescription {
    std::optional<int> height, width;  // of the input; the ONNX file's own, or 224, where absent
    Channels channels = Channels::rgb;
    Resize resize = Resize::crop;
    // In the order of the input's channels; grey uses the first. ImageNet's by default.
    std::array<double, 3> mean{123.675, 116.28, 103.53};
    std::array<double, 3> scale{1 / 58.395, 1 / 57.12, 1 / 57.375};
    std::string feature_tensor;  // empty: the input of the last fully connected layer

    int channel_count() const noexcept { return channels == Channels::grey ? 1 : 3; }
};

// {"input_size": [height, width], "channels": "rgb"|"bgr"|"grey", "resize": "crop"|"stretch",
//  "mean": [...], "scale": [...], "feature_tensor": "..."}; every member may be absent, a member
// of another name is an error but for "name", which is for people. bad_input, naming the member.
Expected<NetworkDescription> network_description_from_json(const nlohmann::json& json);

// The file's description, or the defaults where there is no such file. bad_input, io_failure.
Expected<NetworkDescription> read_network_description(const std::filesystem::path& path);

}  // namespace cipherfit
