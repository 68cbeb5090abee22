// Steps of a pipeline that NumPy carries out; see docs/reference/pipeline.md.
#pragma once

#include "cipherfit/backbone/pca.h"
#include "cipherfit/io/matrix.h"

#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {

inline nlohmann::json json_rows(const RowMatrix& matrix) {
    nlohmann::json rows = nlohmann::json::array();
    for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
        rows.push_back(std::vector<double>(matrix.row(i).begin(), matrix.row(i).end()));
    }
    return rows;
}

inline nlohmann::json json_list(const Eigen::VectorXd& values) {
    return std::vector<double>(values.begin(), values.end());
}

// X = (X - mean) @ matrix.
inline nlohmann::json projection_step(const PrincipalComponents& components) {
    return {{"op", "project"},
            {"mean", json_list(components.mean)},
            {"matrix", json_rows(components.projection)}};
}

}  // namespace cipherfit
