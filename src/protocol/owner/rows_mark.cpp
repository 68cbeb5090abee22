#include "cipherfit/protocol/owner/rows_mark.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <nlohmann/json.hpp>

namespace cipherfit {

bool RowsMark::is_of(const RowsMark& other) const noexcept {
    constexpr double rounding = 1e-7;
    const double most = rounding * magnitude;
    return labels == other.labels && std::abs(features - other.features) <= most &&
           std::abs(magnitude - other.magnitude) <= most;
}

RowsMark mark_of(const Dataset& rows) {
    RowsMark mark;
    const double places = std::max<double>(1.0, static_cast<double>(rows.features.size()));
    for (Eigen::Index i = 0; i < rows.features.rows(); ++i) {
        for (Eigen::Index j = 0; j < rows.features.cols(); ++j) {
            const auto place = static_cast<double>(i * rows.features.cols() + j);
            const double term = (1.0 + place / places) * rows.features(i, j);
            mark.features += term;
            mark.magnitude += std::abs(term);
        }
    }
    for (std::size_t i = 0; i < rows.labels.size(); ++i) {
        mark.labels += static_cast<double>(i + 1) * rows.labels[i];
    }
    return mark;
}

nlohmann::json to_json(const std::optional<RowsMark>& mark) {
    return mark ? nlohmann::json{mark->features, mark->magnitude, mark->labels} : nlohmann::json();
}

std::optional<RowsMark> rows_mark_from_json(const nlohmann::json& json) {
    if (json.is_null()) {
        return std::nullopt;
    }
    return RowsMark{json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

}  // namespace cipherfit
