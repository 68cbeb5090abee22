// Lists of numbers in saved states.
#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>
#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

inline std::vector<double> to_vector(const double* data, Eigen::Index size) {
    return {data, data + size};
}

// The finite numbers of the array under `key`, at least one. Throws nlohmann::json::exception or
// Error(corrupt_data) for anything else.
Eigen::VectorXd finite_numbers(const nlohmann::json& json, const char* key);

}  // namespace cipherfit
