#include "backbone/json_numbers.h"

#include "cipherfit/base/error.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace cipherfit {

Eigen::VectorXd finite_numbers(const nlohmann::json& json, const char* key) {
    const nlohmann::json& array = json.at(key);
    Eigen::VectorXd result(static_cast<Eigen::Index>(array.size()));
    require(array.is_array() && !array.empty(), ErrorCode::corrupt_data,
            "'{}' is not a list of numbers", key);
    for (Eigen::Index i = 0; i < result.size(); ++i) {
        const nlohmann::json& value = array[static_cast<std::size_t>(i)];
        require(value.is_number() && std::isfinite(value.get<double>()), ErrorCode::corrupt_data,
                "value {} of '{}' is not a finite number", i, key);
        result(i) = value.get<double>();
    }
    return result;
}

}  // namespace cipherfit
