// What the owner's options make of recipes: mini-batches, momentum, decay and the step's schedule.
#include "cipherfit/protocol/owner/owner_setup.h"

#include "cipherfit/protocol/owner/model_check.h"
#include "support/errors.h"
#include "support/owner.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::throws;

// Rows sorted by class, around one centre each, so that the first rows are of one class.
Dataset sorted_rows(std::size_t samples, std::size_t features, std::size_t classes) {
    test::Random random(11);
    const auto uniform = [&random] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
    Dataset data;
    data.features.resize(static_cast<Eigen::Index>(samples), static_cast<Eigen::Index>(features));
    for (std::size_t i = 0; i < samples; ++i) {
        const std::size_t label = i * classes / samples;
        data.labels.push_back(static_cast<int>(label));
        for (std::size_t j = 0; j < features; ++j) {
            data.features(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
                0.5 * uniform() + (j % classes == label ? 1.0 : 0.0);
        }
    }
    for (std::size_t c = 0; c < classes; ++c) {
        data.class_names.push_back(std::to_string(c));
    }
    return data;
}

SetupOptions options_of(int iterations) {
    SetupOptions options;
    options.recipe.iterations = iterations;
    options.recipe.range = 16;
    options.rehearse = false;
    return options;
}

TEST(OwnerSetup, MomentumIsThatOfTheOptionsWhereverTheStepComesFrom) {
    const Dataset data = sorted_rows(60, 8, 3);
    for (const int batch : {0, 20}) {
        for (const bool pinned : {false, true}) {
            for (const Momentum momentum : {Momentum::nesterov, Momentum::none}) {
                SetupOptions options = options_of(3);
                options.batch = batch;
                options.recipe.momentum = momentum;
                if (pinned) {
                    options.recipe.step = 1;
                }
                const Recipe recipe = make_owner_setup(data, options).plan.recipe();
                EXPECT_EQ(has_momentum(recipe), momentum == Momentum::nesterov);
                EXPECT_EQ(recipe.batch, batch);
            }
        }
    }
}

TEST(OwnerSetup, EpochsAreIterationsOverAllBatches) {
    const Dataset data = sorted_rows(60, 8, 3);
    SetupOptions options = options_of(8);
    options.batch = 25;
    options.epochs = 2;
    options.recipe.step = 1;
    const OwnerSetup setup = make_owner_setup(data, options);
    EXPECT_EQ(setup.plan.recipe().iterations, 6);
    EXPECT_EQ(setup.plan.row_files(), 3U);
    // The same rows, shuffled: none is lost, and the first batch is of more than one class.
    const PreparedData rows = prepare_rows(setup, data.features, data.labels);
    EXPECT_EQ(rows.y.colwise().sum(), one_hot(data.labels, 3).colwise().sum());
    EXPECT_LT(rows.y.topRows(25).colwise().sum().maxCoeff(), 25);
    EXPECT_EQ(prepare_rows(setup, data.features, data.labels).xs, rows.xs);
}

// The runs that made the plan are the ones that the reference needs.
TEST(OwnerSetup, RunsOfThePlanGiveTheReference) {
    const Dataset data = sorted_rows(60, 8, 3);
    for (const std::string_view solver : {"primal", "dual"}) {
        SetupOptions options = options_of(4);
        options.recipe.step = 1;
        options.recipe.range = 12;
        options.plan.solver = solver;
        const PlannedRun planned = plan_run(data, options);
        const OwnerSetup& setup = planned.setup;
        EXPECT_EQ(setup.plan.hash(), make_owner_setup(data, options).plan.hash());
        const PreparedData rows = prepare_rows(setup, data.features, data.labels);
        EXPECT_EQ(planned.runs.data->xs, rows.xs);
        EXPECT_EQ(planned.runs.data->y, rows.y);
        const TwinReference reused = make_twin_reference(setup, planned.runs);
        const TwinReference anew = make_twin_reference(setup, rows);
        EXPECT_EQ(reused.head.weights, anew.head.weights);
        EXPECT_EQ(reused.weight_error_bounds, anew.weight_error_bounds);
        EXPECT_EQ(reused.state_error_bounds, anew.state_error_bounds);
        EXPECT_EQ(reused.largest_abs_state, anew.largest_abs_state);
        EXPECT_EQ(reused.largest_abs_z, anew.largest_abs_z);
    }
}

TEST(OwnerSetup, StepsFallByEqualRatios) {
    const Dataset data = sorted_rows(60, 8, 3);
    SetupOptions options = options_of(5);
    options.recipe.step = 4;
    options.final_step = 0.25;
    options.decay = 0.01;
    const Recipe recipe = make_owner_setup(data, options).plan.recipe();
    ASSERT_EQ(recipe.steps.size(), 5U);
    const std::vector<double> expected{4, 2, 1, 0.5, 0.25};
    for (std::size_t t = 0; t < expected.size(); ++t) {
        EXPECT_NEAR(recipe.steps[t], expected[t], 1e-12);
    }
    EXPECT_EQ(recipe.decay, 0.01);
}

TEST(OwnerSetup, RefusesWhatDoesNotGoTogether) {
    const Dataset data = sorted_rows(60, 8, 3);
    SetupOptions options = options_of(3);
    options.batch = 61;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"61", "60", "smaller batches"},
                       [&] { static_cast<void>(make_owner_setup(data, options)); }));
    options = options_of(3);
    options.final_step = 0.5;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"first step"},
                       [&] { static_cast<void>(make_owner_setup(data, options)); }));
    options = options_of(2);
    options.batch = 20;
    options.recipe.step = 1;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"2 iterations", "3 mini-batches", "an epoch"},
                       [&] { static_cast<void>(make_owner_setup(data, options)); }));
}

}  // namespace
}  // namespace cipherfit
