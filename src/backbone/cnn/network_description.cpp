#include "backbone/cnn/network_description.h"

#include "base/json_integers.h"
#include "cipherfit/io/file.h"

#include <cmath>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t max_bytes = 1U << 20U;
constexpr int max_side = 4096;

void read_size(const nlohmann::json& value, NetworkDescription& description) {
    const auto sides = whole_numbers<int>(value);
    require(sides.size() == 2, ErrorCode::bad_input, "\"input_size\" is {}: give height and width",
            value.dump());
    for (const int side : sides) {
        require(side >= 1 && side <= max_side, ErrorCode::bad_input,
                "\"input_size\" is {}: height and width go from 1 to {}", value.dump(), max_side);
    }
    description.height = sides[0];
    description.width = sides[1];
}

// One number for every channel, or one for all.
std::array<double, 3> read_channels(const nlohmann::json& value, std::string_view name) {
    std::array<double, 3> numbers{};
    if (value.is_number()) {
        numbers.fill(value.get<double>());
    } else if (value.is_array() && value.size() == 1) {
        numbers.fill(value.at(0).get<double>());
    } else {
        require(value.is_array() && value.size() == 3, ErrorCode::bad_input,
                "\"{}\" is {}: give three numbers, or one", name, value.dump());
        numbers = value.get<std::array<double, 3>>();
    }
    for (const double number : numbers) {
        require(std::isfinite(number), ErrorCode::bad_input, "\"{}\" is not finite", name);
    }
    return numbers;
}

template <class T>
T read_choice(const nlohmann::json& value, std::string_view name,
              std::initializer_list<std::pair<std::string_view, T>> choices) {
    const auto text = value.get<std::string>();
    std::string known;
    for (const auto& [word, meaning] : choices) {
        if (word == text) {
            return meaning;
        }
        known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", word);
    }
    throw Error(ErrorCode::bad_input,
                fmt::format("\"{}\" is {}: it can be {}", name, value.dump(), known));
}

void read_member(const std::string& name, const nlohmann::json& value,
                 NetworkDescription& description) {
    if (name == "input_size") {
        read_size(value, description);
    } else if (name == "channels") {
        description.channels = read_choice<Channels>(
            value, name,
            {{"rgb", Channels::rgb}, {"bgr", Channels::bgr}, {"grey", Channels::grey}});
    } else if (name == "resize") {
        description.resize = read_choice<Resize>(
            value, name, {{"crop", Resize::crop}, {"stretch", Resize::stretch}});
    } else if (name == "mean") {
        description.mean = read_channels(value, name);
    } else if (name == "scale") {
        description.scale = read_channels(value, name);
    } else if (name == "feature_tensor") {
        description.feature_tensor = value.get<std::string>();
    } else {
        require(name == "name", ErrorCode::bad_input,
                "\"{}\" is no member that a description has: input_size, channels, resize, mean, "
                "scale, feature_tensor, name",
                name);
    }
}

}  // namespace

Expected<NetworkDescription> network_description_from_json(const nlohmann::json& json) {
    if (!json.is_object()) {
        return make_error(ErrorCode::bad_input, "is no JSON object");
    }
    NetworkDescription description;
    for (const auto& [name, value] : json.items()) {
        try {
            read_member(name, value, description);
        } catch (const Error& error) {
            return tl::unexpected<ErrorInfo>(error.info());
        } catch (const nlohmann::json::exception&) {
            return make_error(ErrorCode::bad_input, "\"{}\" is of a wrong type", name);
        }
    }
    return description;
}

Expected<NetworkDescription> read_network_description(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        return NetworkDescription{};
    }
    const auto bytes = read_file(path, max_bytes);
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    const auto json = nlohmann::json::parse(*bytes, nullptr, false);
    auto description = network_description_from_json(json);
    if (!description) {
        return make_error(ErrorCode::bad_input, "{}: {}", path.string(),
                          description.error().message);
    }
    return description;
}

}  // namespace cipherfit
