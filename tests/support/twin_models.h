// The models of a run in the clear.
#pragma once

#include "cipherfit/solver/owner/noise.h"

#include <vector>

namespace cipherfit::test {

// After every iteration, c x d.
inline std::vector<RowMatrix> twin_models(std::string_view solver, const PreparedData& data,
                                          const Recipe& recipe, const NoiseModel* noise = nullptr) {
    std::vector<RowMatrix> models;
    visit_twin_models(
        solver, data, recipe, [](int /*iteration*/) { return true; },
        [&](int /*iteration*/, const RowMatrix& model) { models.push_back(model); }, noise);
    return models;
}

}  // namespace cipherfit::test
