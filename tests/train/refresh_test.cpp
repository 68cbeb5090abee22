// Training beyond one modulus chain, and on mini-batches: the encrypted trainer against its twin.
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/solver/owner/refresh_range.h"
#include "solver/dual/owner/dual_twin.h"
#include "solver/dual_logits/segments.h"
#include "support/dual_run.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/small_rings.h"
#include "support/solvers.h"
#include "support/stable_step.h"
#include "support/training_run.h"

#include <bit>
#include <cmath>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::stable_step;
using test::throws;
using test::TrainingRun;

PlanOptions refreshed_options(std::string_view solver, double range) {
    PlanOptions options;
    options.solver = solver;
    options.log_n = 10;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::always;
    options.refresh_range = range;
    return options;
}

// The largest entry of what is bootstrapped: the states, or in the dual the logits without Z_0.
double bootstrapped_range(const PreparedData& data, const Recipe& recipe, std::string_view solver) {
    if (solver == "primal") {
        return run_twin(data, recipe).max_abs_state;
    }
    return largest_carried_logit(PlainRun("dual", borrowed(data), recipe));
}

struct RefreshedCase {
    const char* name;
    TrainingShape shape;
    Recipe recipe;
    std::string_view solver;
};

std::vector<RefreshedCase> refreshed_cases() {
    const TrainingShape shape{.samples = 20, .features = 9, .classes = 3};
    const Recipe standard = standard_recipe(8, stable_step, fit_sigmoid(3, 8));
    Recipe decayed = standard;
    decayed.decay = 0.03;
    Recipe linear = standard_recipe(9, stable_step, fit_sigmoid(1, 8));
    Recipe fifth = standard_recipe(5, stable_step, fit_sigmoid(5, 8));
    Recipe batches = standard_recipe(9, stable_step, fit_sigmoid(3, 8));
    batches.batch = 7;  // 7, 7 and 6 rows, three times
    Recipe batches_elsewhere = chiang2023_recipe(7, 20);
    batches_elsewhere.batch = 9;
    batches_elsewhere.decay = 0.01;
    Recipe plain = standard_recipe(9, stable_step, fit_sigmoid(3, 8), Momentum::none);
    plain.decay = 0.02;
    Recipe plain_batches = plain;
    plain_batches.batch = 8;
    plain_batches.decay = 0;
    Recipe chiang = chiang2023_recipe(8, 20);
    chiang.decay = 0.02;
    return {
        {"primal", shape, standard, "primal"},
        {"primal, decay", shape, decayed, "primal"},
        {"primal, degree 1", shape, linear, "primal"},
        {"primal, degree 5", shape, fifth, "primal"},
        {"primal, preset", shape, chiang, "primal"},
        {"primal, several blocks",
         {.samples = 150, .features = 40, .classes = 4},
         standard,
         "primal"},
        {"primal, one head", {.samples = 150, .features = 40, .classes = 2}, standard, "primal"},
        {"one head, mini-batches", {.samples = 20, .features = 9, .classes = 2}, batches, "primal"},
        {"primal, no momentum",
         {.samples = 50, .features = 300, .classes = 3},  // three blocks
         plain,
         "primal"},
        {"groups of classes",  // 40 of them need 2^13 slots in one layout, here there are 2^9
         {.samples = 60, .features = 20, .classes = 40},
         standard,
         "primal"},
        {"groups of classes, mini-batches",
         {.samples = 60, .features = 300, .classes = 21},
         plain_batches,
         "primal"},
        {"groups of classes, preset",
         {.samples = 60, .features = 20, .classes = 21},
         chiang,
         "primal"},
        {"mini-batches, no momentum", shape, plain_batches, "primal"},
        {"dual, no momentum", shape, plain, "dual"},
        {"mini-batches", shape, batches, "primal"},
        {"mini-batches, preset", shape, batches_elsewhere, "primal"},
        {"dual", shape, standard, "dual"},
        {"dual, one head", {.samples = 20, .features = 9, .classes = 2}, standard, "dual"},
        {"dual, two heads of two classes",
         {.samples = 20, .features = 9, .classes = 2, .heads = 2},
         standard,
         "dual"},
        {"dual, decay", shape, decayed, "dual"},
        {"dual, degree 1", shape, linear, "dual"},
        {"dual, degree 5", shape, fifth, "dual"},
        {"dual, preset", shape, chiang, "dual"}};
}

// With the range that its twin needs and no more.
TrainingRun refreshed_run(const RefreshedCase& c) {
    PreparedData data = test::synthetic_data(c.shape, c.recipe, 5);
    const TrainingPlan plan = TrainingPlan::create(
        c.shape, c.recipe,
        refreshed_options(c.solver, bootstrapped_range(data, c.recipe, c.solver)));
    const double coefficient = largest_refreshed_coefficient(plan, data);
    return {std::move(data), plan.with_refresh_range(coefficient)};
}

RowMatrix decrypted(const TrainingRun& run, const std::vector<Ciphertext>& model) {
    const auto rows = [](const std::vector<double>& values, std::size_t count, std::size_t size) {
        return RowMatrix(Eigen::Map<const RowMatrix>(
            values.data(), static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(size)));
    };
    const TrainingShape& shape = run.plan.shape();
    if (run.plan.solver().name() == "primal") {
        return rows(run.decrypt(model), shape.heads, shape.features);
    }
    return model_of(
        rows(dual_solver(run.plan).layout().unpack_replicas(run.owner.decrypt_real(model.at(0))),
             shape.samples, shape.heads),
        run.prepared);
}

// The bound: four times the largest deviation of noisy twins, whose deviations are derived from the
// scales (noise.h). That it is small beside the model is what says that anything was learned.
void expect_its_twins_model(const RefreshedCase& c, const TrainingRun& run) {
    ASSERT_TRUE(run.plan.refresh().has_value());
    ASSERT_GE(run.plan.refresh_count(), 1U);
    EncryptedTrainer trainer =
        run.plan.row_files() == 1 ? EncryptedTrainer(run.plan, run.keys, run.upload())
                                  : EncryptedTrainer(run.plan, run.keys, [&run](std::size_t batch) {
                                        return run.upload(batch);
                                    });
    const Eigen::Index columns = run.prepared.columns();
    const Preprocessing plain{.preset = c.recipe.preset,
                              .mean = Eigen::VectorXd::Zero(columns - 1),
                              .factor = 1.0,
                              .column_scale = Eigen::VectorXd::Ones(columns)};
    const ErrorBounds bounds = test::error_bounds(run.plan, run.prepared, plain);
    const std::vector<RowMatrix> twins = test::twin_models("primal", run.prepared, c.recipe);
    TrainingState state;
    while (state.iteration < c.recipe.iterations) {
        state = trainer.step(state);
        const auto fits = check_state(run.plan, state);
        ASSERT_TRUE(fits.has_value()) << fits.error().message;
        if (c.solver == "primal") {  // of the dual, see segments_test.cpp
            const bool main = c.recipe.model == ModelSequence::main;
            const auto index = static_cast<std::size_t>(state.iteration - 1);
            const RowMatrix model = decrypted(run, main ? state["main"] : state["extrapolated"]);
            EXPECT_LT((model - twins[index]).cwiseAbs().maxCoeff(), bounds.states[index])
                << state.iteration;
        }
    }
    const RowMatrix model = decrypted(run, trainer.model(state));
    const RowMatrix twin = run_twin(run.prepared, c.recipe).model();
    const double bound = test::state_error_bound(run.plan, run.prepared);
    EXPECT_LT((model - twin).cwiseAbs().maxCoeff(), bound);
    EXPECT_LT(bound, 1e-2 * twin.cwiseAbs().maxCoeff());
}

TEST(RefreshedTraining, EndsWhereItsTwinEnds) {
    for (const RefreshedCase& c : refreshed_cases()) {
        SCOPED_TRACE(c.name);
        // All use memory and threads in the same ways.
        if (test::small_rings() && c.name != std::string_view("mini-batches") &&
            c.name != std::string_view("dual")) {
            continue;
        }
        expect_its_twins_model(c, refreshed_run(c));
    }
}

// Blocks go through one bootstrapping as far as slots allow. Plans from before have one for each.
TEST(RefreshedTraining, BlocksGoTogetherOrAlone) {
    const Recipe standard = standard_recipe(6, stable_step, fit_sigmoid(3, 8));
    Recipe plain = standard_recipe(6, stable_step, fit_sigmoid(3, 8), Momentum::none);
    for (const Recipe& recipe : {standard, plain}) {
        const RefreshedCase c{
            "blocks", {.samples = 50, .features = 200, .classes = 3}, recipe, "primal"};
        const TrainingRun together = refreshed_run(c);
        const TrainingPlan& plan = together.plan;
        const std::size_t period = primal_solver(plan).layout().model_period();
        const std::size_t alone = bootstraps_of(recipe, plan.state_ciphertexts());
        ASSERT_GT(plan.refresh()->bootstrap.slots(), period);
        ASSERT_LT(plan.bootstraps_per_refresh(), alone);
        expect_its_twins_model(c, together);

        nlohmann::json json = plan.to_json();
        const auto log_period = static_cast<int>(std::bit_width(period)) - 1;
        json["refresh"]["log_slots"] = log_period;
        const auto before = TrainingPlan::from_json(json);
        ASSERT_TRUE(before.has_value()) << before.error().message;
        EXPECT_EQ(before->bootstraps_per_refresh(), alone);
        expect_its_twins_model(c, TrainingRun(test::synthetic_data(c.shape, recipe, 5), *before));
        for (const int log_slots : {log_period - 1, log_period + 9}) {
            json["refresh"]["log_slots"] = log_slots;
            EXPECT_FALSE(TrainingPlan::from_json(json).has_value()) << log_slots;
        }
    }
}

TEST(RefreshedTraining, PlansSurviveJsonAndSayWhatTheyDo) {
    for (const RefreshedCase& c : refreshed_cases()) {
        SCOPED_TRACE(c.name);
        const TrainingPlan plan =
            TrainingPlan::create(c.shape, c.recipe, refreshed_options(c.solver, 4));
        const auto again = TrainingPlan::from_json(plan.to_json());
        ASSERT_TRUE(again.has_value()) << again.error().message;
        EXPECT_EQ(again->to_json(), plan.to_json());
        EXPECT_EQ(again->hash(), plan.hash());
        const std::size_t top = plan.refresh().value().bootstrap.levels();
        const std::size_t spare = test::kind_of(c.solver).spare_levels(top);
        std::size_t level = 0;
        for (const IterationLevels& at : plan.levels()) {
            EXPECT_LE(static_cast<std::size_t>(at.start), top);
            EXPECT_GE(static_cast<std::size_t>(at.end), spare);
            // Without a bootstrapping an iteration goes on where the one before has ended.
            if (&at != plan.levels().data() && !at.refresh) {
                EXPECT_EQ(static_cast<std::size_t>(at.start), level);
            }
            level = static_cast<std::size_t>(at.end);
        }
        EXPECT_EQ(level, spare);
    }
}

// Read backwards, the recurrence gives what it gives forwards.
TEST(ErrorWeights, AddUpToTheTwinsCoefficients) {
    for (Recipe recipe :
         {standard_recipe(12, stable_step, fit_sigmoid(3, 8)), chiang2023_recipe(12, 20)}) {
        for (const double decay : {0.0, 0.05}) {
            recipe.decay = decay;
            const PreparedData data =
                test::synthetic_data({.samples = 20, .features = 9, .classes = 3}, recipe, 3);
            const std::vector<double> weights = error_weights(recipe);
            const RowMatrix gram = gram_matrix(data);
            // Errors at each iteration, from the coefficients that the twin had before it.
            RowMatrix sum = RowMatrix::Zero(20, 3);
            RowMatrix before = RowMatrix::Zero(20, 3);
            const bool at_main = recipe.gradient_at == ModelSequence::main;
            const StateRun twin =
                run_dual_twin(data, recipe, nullptr,
                              [&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
                                  const RowMatrix z = data.z0 + gram * before;
                                  sum += weights[static_cast<std::size_t>(t)] *
                                         (data.y - z.unaryExpr(recipe.sigmoid));
                                  before = at_main ? main : extrapolated;
                              });
            const bool is_main = recipe.model == ModelSequence::main;
            const RowMatrix& expected = is_main ? twin.main : twin.extrapolated;
            // Some hundred additions of numbers up to the largest coefficient.
            EXPECT_LT((sum - expected).cwiseAbs().maxCoeff(),
                      1000 * 0x1p-53 * std::max(1.0, twin.max_abs_state));
        }
    }
}

TEST(RefreshedTraining, RefusesWhatDoesNotFit) {
    const TrainingShape shape{.samples = 20, .features = 9, .classes = 3};
    Recipe recipe = standard_recipe(8, stable_step, fit_sigmoid(3, 8));
    recipe.batch = 21;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"21", "20", "smaller batches"}, [&] {
        static_cast<void>(TrainingPlan::create(shape, recipe, refreshed_options("primal", 4)));
    }));
    recipe.batch = 7;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"mini-batches"}, [&] {
        static_cast<void>(TrainingPlan::create(shape, recipe, refreshed_options("dual", 4)));
    }));
    // A plan from outside whose bootstrapping leaves too little for an iteration.
    const TrainingPlan plan = TrainingPlan::create(shape, recipe, refreshed_options("primal", 4));
    nlohmann::json json = plan.to_json();
    json["refresh"]["levels"] = 1;
    EXPECT_FALSE(TrainingPlan::from_json(json).has_value());
    json = plan.to_json();
    json["refresh"]["range_bits"] = 20;
    const auto wide = TrainingPlan::from_json(json);
    ASSERT_FALSE(wide.has_value());
    EXPECT_NE(wide.error().message.find("no room"), std::string::npos) << wide.error().message;
}

}  // namespace
}  // namespace cipherfit
