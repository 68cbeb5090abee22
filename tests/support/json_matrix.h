// Rows of numbers in JSON, as the references of other programs hold them.
#pragma once

#include "cipherfit/io/matrix.h"

#include <cstddef>

#include <nlohmann/json.hpp>

namespace cipherfit::test {

inline RowMatrix matrix_of(const nlohmann::json& rows) {
    RowMatrix result(static_cast<Eigen::Index>(rows.size()),
                     static_cast<Eigen::Index>(rows.at(0).size()));
    for (Eigen::Index i = 0; i < result.rows(); ++i) {
        for (Eigen::Index j = 0; j < result.cols(); ++j) {
            result(i, j) =
                rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)].get<double>();
        }
    }
    return result;
}

}  // namespace cipherfit::test
