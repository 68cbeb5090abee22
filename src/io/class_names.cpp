// The names of classes that lie beside labels.
#include "cipherfit/io/dataset.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t max_bytes = 1U << 24U;

}  // namespace

Expected<void> name_classes(Dataset& dataset, const std::filesystem::path& file) {
    const auto bytes = read_file(file, max_bytes);
    if (!bytes) {
        return tl::unexpected<ErrorInfo>(bytes.error());
    }
    const auto json = nlohmann::json::parse(*bytes, nullptr, false);
    const auto is_string = [](const nlohmann::json& value) { return value.is_string(); };
    if (!json.is_array() || !std::all_of(json.begin(), json.end(), is_string)) {
        return make_error(ErrorCode::bad_input, "{}: is no JSON list of names", file.string());
    }
    const auto names = json.get<std::vector<std::string>>();
    if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) {
        return make_error(ErrorCode::bad_input, "{}: a name occurs twice", file.string());
    }
    for (std::string& label : dataset.class_names) {
        const bool is_index = label.size() <= 9 && std::ranges::all_of(label, [](char c) {
                                  return c >= '0' && c <= '9';
                              });
        const std::size_t index = is_index ? std::stoul(label) : names.size();
        if (index >= names.size()) {
            return make_error(ErrorCode::bad_input,
                              "{}: has {} names, but there is a label {}: name every class, in the "
                              "order of the labels from 0, or remove the file",
                              file.string(), names.size(), label);
        }
        label = names[index];
    }
    return {};
}

}  // namespace cipherfit
