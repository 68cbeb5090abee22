// The statistics solver: its twin against the primal one and against normal equations, the
// encrypted run against its twin, the bound that a model is held to, and its plans.
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/train/cost.h"
#include "solver/owner/model_reader.h"
#include "solver/statistics/owner/statistics_twin.h"
#include "solver/statistics/statistics_cost.h"
#include "solver/statistics/statistics_solver.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/solvers.h"
#include "support/training_run.h"
#include "train/training_trace.h"

#include <algorithm>
#include <string>
#include <vector>

#include <Eigen/Cholesky>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::throws;
using test::TrainingRun;

Recipe recipe_of(int iterations, double decay = 0, Momentum momentum = Momentum::nesterov) {
    Recipe recipe = standard_recipe(iterations, 1.8, fit_sigmoid(1, 6), momentum);
    recipe.decay = decay;
    return recipe;
}

PlanOptions small_options(unsigned log_n = 9) {
    PlanOptions options;
    options.solver = "statistics";
    options.log_n = log_n;
    options.insecure_for_tests_only = true;
    return options;
}

struct Case {
    std::string name;
    TrainingShape shape;
    Recipe recipe;
};

std::vector<Case> cases() {
    Recipe at_main = recipe_of(5);
    at_main.gradient_at = ModelSequence::main;
    at_main.model = ModelSequence::extrapolated;
    Recipe falling = recipe_of(6, 0.02);
    for (std::size_t t = 0; t < falling.steps.size(); ++t) {
        falling.steps[t] /= static_cast<double>(1 + t);
    }
    return {
        {"momentum", {.samples = 40, .features = 12, .classes = 3}, recipe_of(6)},
        {"ridge", {.samples = 25, .features = 17, .classes = 4}, recipe_of(4, 0.05)},
        {"no momentum",
         {.samples = 30, .features = 9, .classes = 3},
         recipe_of(5, 0.01, Momentum::none)},
        {"one head", {.samples = 30, .features = 20, .classes = 2}, recipe_of(5)},
        {"gradients at M", {.samples = 30, .features = 20, .classes = 3}, at_main},
        {"falling steps", {.samples = 30, .features = 31, .classes = 5}, falling},
        {"fewer rows than columns", {.samples = 6, .features = 40, .classes = 3}, recipe_of(3)}};
}

// In exact arithmetic the iterates are those on rows.
TEST(StatisticsTwin, HasThePrimalIterates) {
    for (const Case& c : cases()) {
        SCOPED_TRACE(c.name);
        const PreparedData data = test::synthetic_data(c.shape, c.recipe, 5);
        std::vector<RowMatrix> primal;
        run_twin(data, c.recipe, nullptr, [&](const TwinIteration& after) {
            primal.push_back(after.main);
            primal.push_back(after.extrapolated);
        });
        std::size_t at = 0;
        run_statistics_twin(data, c.recipe, nullptr,
                            [&](int, const RowMatrix& main, const RowMatrix& extrapolated) {
                                for (const RowMatrix* state : {&main, &extrapolated}) {
                                    EXPECT_LT((*state - primal[at]).cwiseAbs().maxCoeff(),
                                              1e-12 * (1 + primal[at].cwiseAbs().maxCoeff()));
                                    ++at;
                                }
                            });
        EXPECT_EQ(at, primal.size());
    }
}

// A run that goes on for long ends at the solution of (c1 G + lambda I) V = b, lambda being the
// decay over the step.
TEST(StatisticsTwin, EndsAtRidgeRegression) {
    constexpr double decay = 0.05;
    const Recipe recipe = recipe_of(3000, decay);
    const PreparedData data =
        test::synthetic_data({.samples = 60, .features = 7, .classes = 3}, recipe, 6);
    const double c1 = recipe.sigmoid.odd[0];
    const RowMatrix left =
        c1 * data.xs.transpose() * data.xs + decay / recipe.steps[0] * RowMatrix::Identity(7, 7);
    const RowMatrix labels = data.y.array() - 0.5;
    const RowMatrix solved =
        Eigen::MatrixXd(left).ldlt().solve(Eigen::MatrixXd(data.xs.transpose() * labels));
    const StateRun run = run_statistics_twin(data, recipe);
    EXPECT_LT((run.main.transpose() - solved).cwiseAbs().maxCoeff(), 1e-9);
}

TEST(StatisticsTwin, WhatTheSolverDoesNotTakeIsRefused) {
    const Recipe cubic = standard_recipe(3, 1, fit_sigmoid(3, 8));
    const PreparedData data =
        test::synthetic_data({.samples = 10, .features = 5, .classes = 3}, cubic, 6);
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"degree 1"},
                       [&] { run_statistics_twin(data, cubic); }));
    Recipe batches = recipe_of(4);
    batches.batch = 4;
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"all samples"},
                       [&] { run_statistics_twin(data, batches); }));
}

// Every state of the encrypted run is the twin's, within the bound that the owner holds models to,
// and not far below it: the largest deviation is at least a 64th of the bound.
TEST(StatisticsTrainer, FollowsItsTwinWithinTheBound) {
    for (const Case& c : cases()) {
        SCOPED_TRACE(c.name);
        const TrainingRun run(c.shape, c.recipe, small_options(), 7);
        const PlainRun plain("statistics", borrowed(run.prepared), c.recipe);
        const Preprocessing none = test::no_preprocessing(run.prepared, c.recipe);
        const std::vector<double> bounds = error_bounds(run.plan, plain, none).states;
        std::vector<RowMatrix> models;
        visit_twin_models(
            "statistics", run.prepared, c.recipe, [](int) { return true; },
            [&](int, const RowMatrix& model) { models.push_back(model); });
        const auto reader = owner_solver(run.plan).reader(run.plan, {});
        EncryptedTrainer trainer(run.plan, run.keys, run.upload());
        TrainingState state;
        while (state.iteration < c.recipe.iterations) {
            state = trainer.step(state);
            const auto index = static_cast<std::size_t>(state.iteration - 1);
            const auto& blocks = state[run.plan.solver().model_sequence(run.plan, state.iteration)];
            const RowMatrix model =
                reader->model(state.iteration, {run.owner.decrypt_real(blocks.at(0))});
            const double error = (model - models[index]).cwiseAbs().maxCoeff();
            EXPECT_LE(error, bounds[index]) << "iteration " << state.iteration;
            EXPECT_GE(error, bounds[index] / 64) << "iteration " << state.iteration;
        }
        EXPECT_EQ(&trainer.model(state)[0],
                  &state[run.plan.solver().model_sequence(run.plan, state.iteration)][0]);
    }
}

TEST(StatisticsTrainer, SameBitsOnAnyNumberOfThreads) {
    const TrainingRun run({.samples = 20, .features = 12, .classes = 3}, recipe_of(3),
                          small_options(), 8);
    const EncryptedTrainingData data = run.upload();
    const auto train = [&] {
        EncryptedTrainingData copy;
        for (const auto& [name, blocks] : data) {
            for (const Ciphertext& block : blocks) {
                copy[name].push_back(block.copy());
            }
        }
        EncryptedTrainer trainer(run.plan, run.keys, std::move(copy));
        return trainer.step(trainer.step({}));
    };
    const TrainingState one = test::with_threads(1, train);
    const TrainingState two = test::with_threads(2, train);
    EXPECT_TRUE(test::same_bits(one["main"].at(0), two["main"].at(0)));
    EXPECT_TRUE(test::same_bits(one["extrapolated"].at(0), two["extrapolated"].at(0)));
}

// One level an iteration but the first: 8 iterations of 256 columns need no ring above 2^15.
TEST(StatisticsPlan, EightIterationsOf256ColumnsFitASmallRing) {
    for (const std::size_t samples : {200U, 60'000U}) {
        const TrainingShape shape{.samples = samples, .features = 256, .classes = 10};
        PlanOptions options;
        options.solver = "statistics";
        const TrainingPlan plan = TrainingPlan::create(shape, recipe_of(8), options);
        EXPECT_LE(plan.parameters().log_n(), 15U);
        EXPECT_EQ(plan.parameters().max_level(), 7U);
        EXPECT_EQ(plan.levels_per_iteration(), 1U);
        EXPECT_EQ(plan.first_iteration_levels(), 0U);
        EXPECT_FALSE(plan.refresh().has_value());
        EXPECT_EQ(test::message(plan, "gram").count, 256U);
        EXPECT_EQ(test::message(plan, "moments").count, 1U);
        EXPECT_EQ(plan.upload_ciphertexts(), 257U);
        EXPECT_LE(plan.parameters().log_qp(),
                  largest_secure_log_qp(plan.parameters().log_n(), SecurityLevel::classical_128));
        const double own = plan.state_scale();
        for (int t = 1; t <= 8; ++t) {
            const double scale = statistics_solver(plan).state_scale(plan, t);
            EXPECT_GT(scale, own / 2);
            EXPECT_LT(scale, own * 2);
        }
        EXPECT_NEAR(statistics_solver(plan).state_scale(plan, 8) / own, 1.0, 1e-9);
    }
}

// What the server does and what it costs does not depend on the number of rows.
TEST(StatisticsPlan, RowsCostNothing) {
    PlanOptions options;
    options.solver = "statistics";
    const auto of = [&](std::size_t samples) {
        return plan_cost(TrainingPlan::create({.samples = samples, .features = 65, .classes = 10},
                                              recipe_of(8), options));
    };
    const PlanCost few = of(100);
    const PlanCost many = of(1'000'000);
    EXPECT_EQ(few.upload_bytes, many.upload_bytes);
    EXPECT_EQ(few.peak_memory_bytes, many.peak_memory_bytes);
    EXPECT_EQ(few.iterations.limb_transforms, many.iterations.limb_transforms);
}

TEST(StatisticsPlan, ComesBackFromItsJson) {
    const TrainingPlan plan = TrainingPlan::create({.samples = 50, .features = 20, .classes = 3},
                                                   recipe_of(4, 0.02), small_options());
    const nlohmann::json json = plan.to_json();
    EXPECT_EQ(json.at("solver"), "statistics");
    const auto back = TrainingPlan::from_json(json);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->hash(), plan.hash());
    EXPECT_EQ(back->keys().levels(), plan.keys().levels());
    for (const auto& [key, value] : {std::pair<const char*, nlohmann::json>{"babies", 3},
                                     {"babies", 1024},
                                     {"features", 0},
                                     {"refresh", {{"levels", 3}}},
                                     {"kernel", "owner"}}) {
        nlohmann::json changed = json;
        changed[key] = value;
        EXPECT_FALSE(TrainingPlan::from_json(changed).has_value()) << key << " " << value;
    }
}

TEST(StatisticsPlan, IsNeverChosenUnasked) {
    const TrainingShape shape{.samples = 60'000, .features = 33, .classes = 10};
    EXPECT_NE(TrainingPlan::create(shape, recipe_of(4)).solver().name(), "statistics");
}

TEST(StatisticsPlan, RefusesWhatItCannotRun) {
    const TrainingShape shape{.samples = 50, .features = 20, .classes = 3};
    const auto refused = [&](const Recipe& recipe, std::initializer_list<std::string_view> words,
                             const TrainingShape& of, PlanOptions options = small_options()) {
        EXPECT_TRUE(throws(ErrorCode::bad_input, words,
                           [&] { TrainingPlan::create(of, recipe, options); }));
    };
    refused(standard_recipe(3, 1, fit_sigmoid(3, 8)), {"degree 1, not 3", "use degree 1"}, shape);
    refused(recipe_of(1), {"2 iterations"}, shape);
    Recipe batches = recipe_of(4);
    batches.batch = 20;
    refused(batches, {"all samples", "primal"}, shape);
    Recipe from_weights = recipe_of(4);
    from_weights.initial_weight = 0.1;
    refused(from_weights, {"from zero"}, shape);
    PlanOptions refreshed = small_options();
    refreshed.refresh = PlanOptions::Refresh::always;
    refused(recipe_of(4), {"no bootstrappings"}, shape, refreshed);
    refused(recipe_of(4), {"too many for the statistics solver", "primal"},
            {.samples = 50, .features = 200, .classes = 40});
    PlanOptions secure = small_options(12);
    secure.insecure_for_tests_only = false;
    refused(recipe_of(40), {"40 iterations", "at most"}, shape, secure);
}

// The search ranks layouts by these.
TEST(StatisticsPlan, ClosedFormsAreTheRecording) {
    for (const Case& c : cases()) {
        SCOPED_TRACE(c.name);
        const TrainingPlan plan = TrainingPlan::create(c.shape, c.recipe, small_options());
        const TrainingCounts traced = count_operations(plan);
        const TrainingCounts closed = plan.solver().estimate(plan);
        ASSERT_EQ(traced.iterations.size(), closed.iterations.size());
        for (std::size_t t = 0; t < traced.iterations.size(); ++t) {
            EXPECT_EQ(traced.iterations[t].switches, closed.iterations[t].switches);
            EXPECT_EQ(traced.iterations[t].decompositions, closed.iterations[t].decompositions);
            EXPECT_EQ(traced.iterations[t].products, closed.iterations[t].products);
            if (traced.iterations[t].switches > 0) {
                EXPECT_NEAR(
                    traced.iterations[t].limb_transforms / closed.iterations[t].limb_transforms,
                    1.0, 0.1);
            }
        }
    }
}

}  // namespace
}  // namespace cipherfit
