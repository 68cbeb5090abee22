#include "cipherfit/protocol/joint_map.h"

#include "base/json_integers.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::array map_kinds{
    std::pair{JointMapKind::none, std::string_view("none")},
    std::pair{JointMapKind::random_conv, std::string_view("random-conv")},
    std::pair{JointMapKind::rbf, std::string_view("rbf")}};

std::size_t size_of(const nlohmann::json& json, const char* key) {
    return whole_number<std::size_t>(json.at(key));
}

JointMap from_json(const nlohmann::json& json) {
    JointMap map;
    map.kind = value_or_throw(joint_map_from_name(json.at("kind").get<std::string>()));
    map.seed = whole_number<std::uint64_t>(json.at("seed"));
    if (map.kind == JointMapKind::random_conv) {
        map.height = size_of(json, "height");
        map.width = size_of(json, "width");
        map.filters = size_of(json, "filters");
        map.filter_size = size_of(json, "filter_size");
        map.grid = size_of(json, "grid");
        map.threshold = json.at("threshold").get<double>();
        map.unit_rows = json.at("unit_rows").get<bool>();
    } else {
        map.cosines = size_of(json, "cosines");
        map.rbf_width = json.at("kernel_width").get<double>();
    }
    return map;
}

}  // namespace

std::string_view name(JointMapKind kind) noexcept {
    return map_kinds[static_cast<std::size_t>(kind)].second;
}

Expected<JointMapKind> joint_map_from_name(std::string_view name) {
    for (const auto& [value, known] : map_kinds) {
        if (known == name) {
            return value;
        }
    }
    return make_error(ErrorCode::bad_input,
                      "there is no extractor '{}' for several owners: none, random-conv or rbf",
                      name);
}

std::size_t JointMap::features(std::size_t columns) const noexcept {
    switch (kind) {
        case JointMapKind::random_conv:
            return filters * grid * grid;
        case JointMapKind::rbf:
            return cosines;
        case JointMapKind::none:
            break;
    }
    return columns;
}

Expected<void> JointMap::check(std::size_t columns) const {
    // Each below the most, so that their product cannot wrap.
    const std::array sizes{height, width, filters, filter_size, grid, cosines};
    const bool wraps = std::ranges::any_of(sizes, [](std::size_t n) { return n > most_features; });
    if (kind == JointMapKind::random_conv && (wraps || height * width != columns)) {
        return make_error(ErrorCode::bad_input,
                          "random convolutions of images of {} x {} pixels do not fit rows of {} "
                          "columns: give images as rows of height x width pixels",
                          height, width, columns);
    }
    const std::size_t made = features(columns);
    if (kind != JointMapKind::none && (wraps || made < 1 || made > most_features)) {
        return make_error(ErrorCode::bad_input,
                          "a public map makes 1 to {} features, and not {}: take fewer filters or "
                          "cosines",
                          most_features, made);
    }
    return {};
}

std::string JointMap::to_text() const {
    if (kind == JointMapKind::none) {
        return std::string(name(kind));
    }
    nlohmann::json text{{"kind", name(kind)}, {"seed", seed}};
    if (kind == JointMapKind::random_conv) {
        text["height"] = height;
        text["width"] = width;
        text["filters"] = filters;
        text["filter_size"] = filter_size;
        text["grid"] = grid;
        text["threshold"] = threshold;
        text["unit_rows"] = unit_rows;
    } else {
        text["cosines"] = cosines;
        text["kernel_width"] = rbf_width;
    }
    return text.dump();
}

Expected<JointMap> JointMap::from_text(std::string_view text) {
    const auto unreadable = [] {
        return make_error(ErrorCode::bad_input,
                          "the charter's extractor cannot be read: was it written by another "
                          "program?");
    };
    try {
        JointMap map =
            text == name(JointMapKind::none) ? JointMap{} : from_json(nlohmann::json::parse(text));
        if (map.to_text() != text) {
            return unreadable();
        }
        return map;
    } catch (const nlohmann::json::exception&) {
        return unreadable();
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
}

}  // namespace cipherfit
