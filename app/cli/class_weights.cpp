#include "cli/class_weights.h"

#include "cipherfit/io/file.h"
#include "cipherfit/train/owner/preprocess.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace cipherfit {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 24U;

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\"");
    const std::size_t last = text.find_last_not_of(" \t\r\"");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, last - first + 1);
}

Eigen::VectorXd numbers_in(const std::string& file, const char* option,
                           const std::vector<std::string>& names) {
    const auto bytes = value_or_throw(read_file(file, largest_file));
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    Eigen::VectorXd numbers = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(names.size()));
    for (int line = 1; !text.empty(); ++line) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view row = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (trimmed(row).empty()) {
            continue;
        }
        const std::size_t comma = row.rfind(',');
        const std::string_view number =
            comma == std::string_view::npos ? std::string_view() : trimmed(row.substr(comma + 1));
        double value = 0.0;
        const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
        require(read.ec == std::errc{} && read.ptr == number.data() + number.size() &&
                    value > 0.0 && std::isfinite(value),
                ErrorCode::bad_input,
                "{}: line {} is no class with a number above 0: write {} FILE with lines such as "
                "'{},2.5'",
                file, line, option, names.front());
        const std::string name(trimmed(row.substr(0, comma)));
        const auto found = std::find(names.begin(), names.end(), name);
        require(found != names.end(), ErrorCode::bad_input,
                "{}: line {} names the class '{}', which the training rows have not", file, line,
                name);
        numbers(found - names.begin()) = value;
    }
    for (std::size_t k = 0; k < names.size(); ++k) {
        require(numbers(static_cast<Eigen::Index>(k)) > 0.0, ErrorCode::bad_input,
                "{}: has no line for the class '{}': give every class a number", file, names[k]);
    }
    return numbers;
}

}  // namespace

Eigen::VectorXd class_weights_of(const std::string& given, const Dataset& rows) {
    if (given.empty()) {
        return {};
    }
    return given == "balanced"
               ? balanced_class_weights(rows.labels, static_cast<int>(rows.class_count()))
               : numbers_in(given, "--class-weight", rows.class_names);
}

Eigen::VectorXd class_shares_of(const std::string& given, const Dataset& rows) {
    if (given.empty()) {
        return {};
    }
    return given == "balanced" ? Eigen::VectorXd(Eigen::VectorXd::Ones(
                                     static_cast<Eigen::Index>(rows.class_count())))
                               : numbers_in(given, "--prior", rows.class_names);
}

}  // namespace cipherfit
