// What tests ask of noise.h: the last iteration alone, and no preprocessing of their own.
#pragma once

#include "cipherfit/solver/owner/noise.h"
#include "support/twin_models.h"

namespace cipherfit::test {

// Which leaves weights as they are.
inline Preprocessing no_preprocessing(const PreparedData& data, const Recipe& recipe) {
    return {.preset = recipe.preset,
            .mean = Eigen::VectorXd::Zero(data.columns() - 1),
            .factor = 1.0,
            .column_scale = Eigen::VectorXd::Ones(data.columns())};
}

inline ErrorBounds error_bounds(const TrainingPlan& plan, const PreparedData& data,
                                const Preprocessing& preprocessing) {
    return cipherfit::error_bounds(
        plan, PlainRun(plan.solver().form(), borrowed(data), plan.recipe()), preprocessing);
}

inline double state_error_bound(const TrainingPlan& plan, const PreparedData& data) {
    return error_bounds(plan, data, no_preprocessing(data, plan.recipe())).states.back();
}

// Of raw-feature weights.
inline double max_deviation(std::string_view solver, const PreparedData& data,
                            const Preprocessing& preprocessing, const Recipe& recipe,
                            const NoiseModel& noise, int runs) {
    return largest_deviations(PlainRun(solver, borrowed(data), recipe), noise, preprocessing, runs)
        .weights.back();
}

inline RowMatrix twin_model(std::string_view solver, const PreparedData& data,
                            const Recipe& recipe) {
    return twin_models(solver, data, recipe).back();
}

}  // namespace cipherfit::test
