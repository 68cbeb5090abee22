#include "cipherfit/train/owner/rehearsal_grid.h"

#include "cipherfit/train/owner/twin.h"
#include "support/errors.h"
#include "train/oracle/test_data.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::Dataset;
using test::synthetic;
using test::throws;

RehearsalGrid rehearse_grid(const Dataset& data, const RehearsalGridOptions& options) {
    return cipherfit::rehearse_grid(data.features, data.labels, data.classes, options);
}

TEST(RehearsalGrid, ChoosesTheCheapestWithinOneStandardErrorOrTheMostAccurate) {
    const Dataset data = synthetic(60, 30, 4, 0.9, 3);
    for (const bool prefer_accuracy : {false, true}) {
        const RehearsalGrid grid = rehearse_grid(
            data, {.iterations = {1, 2, 4}, .degrees = {3, 5}, .prefer_accuracy = prefer_accuracy});
        ASSERT_EQ(grid.runs.size(), 6U);
        double best = 0;
        for (const RehearsedRun& run : grid.runs) {
            ASSERT_TRUE(run.usable()) << run.refusal;
            best = std::max(best, run.chosen.accuracy);
        }
        const double error = std::sqrt(best * (1 - best) / 60);
        for (const RehearsedRun& run : grid.runs) {
            if (prefer_accuracy) {
                EXPECT_LE(run.chosen.accuracy, grid.best().chosen.accuracy);
            } else if (run.chosen.accuracy >= best - error) {
                EXPECT_LE(grid.best().cost.limb_transforms, run.cost.limb_transforms);
            }
        }
        EXPECT_GE(grid.best().chosen.accuracy, prefer_accuracy ? best : best - error - 1e-9);
    }
}

TEST(RehearsalGrid, TheCurveEndsAtWhatTheRunReachesAndEveryRunStaysInRange) {
    const Dataset data = synthetic(50, 80, 3, 0.8, 4);
    const RehearsalGrid grid = rehearse_grid(data, {.iterations = {1, 3, 5}, .degrees = {3, 7}});
    for (const RehearsedRun& run : grid.runs) {
        ASSERT_TRUE(run.usable()) << run.refusal;
        EXPECT_EQ(run.recipe.iterations, run.iterations);
        EXPECT_EQ(run.recipe.sigmoid.degree(), run.degree);
        ASSERT_EQ(run.curve.size(), static_cast<std::size_t>(run.iterations));
        // Computed a second time, from models of every iteration.
        EXPECT_DOUBLE_EQ(run.curve.back().accuracy, run.chosen.accuracy);
        EXPECT_NEAR(run.curve.back().loss, run.chosen.loss, 1e-9 * run.chosen.loss);
        EXPECT_LE(std::max(run.chosen.max_abs_z, run.chosen.max_abs_z_held_out),
                  0.95 * run.chosen.range);
        // The run that is encrypted, over all rows, from the recipe alone.
        const Preprocessing fitted = fit_preprocessing(data.features, run.recipe.preset);
        const TwinResult twin = run_twin(
            prepare(data.features, data.labels, data.classes, fitted, run.recipe), run.recipe);
        EXPECT_LE(twin.largest_abs_z(), 0.95 * run.recipe.sigmoid.range);
        EXPECT_GT(run.cost.levels, 0U);
        EXPECT_GT(run.cost.limb_transforms, 0.0);
    }
}

TEST(RehearsalGrid, RefusesWhatCannotRunAndUsesTheRest) {
    const Dataset data = synthetic(40, 20, 3, 0.8, 5);
    // 60 iterations of the cubic need 237 levels.
    PlanOptions one_chain;
    one_chain.refresh = PlanOptions::Refresh::never;
    const RehearsalGrid grid =
        rehearse_grid(data, {.iterations = {2, 60}, .degrees = {3}, .plan = one_chain});
    EXPECT_TRUE(grid.runs[0].usable());
    EXPECT_FALSE(grid.runs[1].usable());
    EXPECT_EQ(grid.chosen, 0U);
    EXPECT_TRUE(to_json(grid.runs[1]).contains("refusal"));
    EXPECT_EQ(to_json(grid.runs[0])["curve"].size(), 2U);

    EXPECT_TRUE(throws(ErrorCode::bad_input, {"|z|", "range"}, [&] {
        static_cast<void>(rehearse_grid(data, {.iterations = {3}, .degrees = {3}, .range = 0.01}));
    }));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"iterations"},
                       [&] { static_cast<void>(rehearse_grid(data, {.iterations = {}})); }));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"folds"}, [&] {
        static_cast<void>(rehearse_grid(data, {.iterations = {1}, .folds = 1}));
    }));
}

}  // namespace
}  // namespace cipherfit
