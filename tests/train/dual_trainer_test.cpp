// The dual solver: its twin against the primal twin, encrypted training against its twin, and
// encrypted dual against encrypted primal.
#include "cipherfit/solver/owner/noise.h"
#include "solver/dual/owner/dual_twin.h"
#include "support/dual_run.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/property.h"
#include "support/stable_step.h"

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::DualHistory;
using test::follows;
using test::holds;
using test::pick;
using test::stable_step;
using test::throws;
using test::TrainingRun;

PlanOptions small_options(unsigned log_n, std::string_view solver) {
    PlanOptions options;
    options.solver = solver;
    options.log_n = log_n;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::never;
    return options;
}

// Every update lies in the row space of Xs, so that only roundings tell the two apart: 200
// iterations of a stable recipe, in each a few hundred additions of relative error 2^-53 to
// entries of at most the largest state, and nothing that amplifies them.
TEST(DualTwin, IsThePrimalTwinInOtherCoordinates) {
    for (const bool chiang : {false, true}) {
        const int iterations = 200;
        const Recipe recipe = chiang ? chiang2023_recipe(iterations, 40)
                                     : standard_recipe(iterations, 1.8, fit_sigmoid(5, 12));
        const PreparedData data =
            test::synthetic_data({.samples = 40, .features = 60, .classes = 4}, recipe, 7);
        const TwinResult primal = run_twin(data, recipe);
        const StateRun dual = run_dual_twin(data, recipe);
        const double bound = iterations * 300 * 0x1p-53 * std::max(1.0, dual.max_abs_state);
        EXPECT_LT((primal.main - model_of(dual.main, data)).cwiseAbs().maxCoeff(), bound);
        EXPECT_LT((primal.extrapolated - model_of(dual.extrapolated, data)).cwiseAbs().maxCoeff(),
                  bound);
        for (std::size_t t = 0; t < primal.max_abs_z.size(); ++t) {
            ASSERT_NEAR(primal.max_abs_z[t], dual.max_abs_z[t], bound);
        }
        EXPECT_EQ(test::twin_model("primal", data, recipe), primal.model());
        EXPECT_EQ(test::twin_model("dual", data, recipe),
                  model_of(chiang ? dual.extrapolated : dual.main, data));
    }
}

TEST(DualTwin, NoiseDisturbsAndTheSeedDecides) {
    const Recipe recipe = standard_recipe(3, stable_step, fit_sigmoid(3, 8));
    const PreparedData data =
        test::synthetic_data({.samples = 20, .features = 9, .classes = 3}, recipe, 7);
    const RowMatrix exact = run_dual_twin(data, recipe).main;
    for (double NoiseModel::* part :
         {&NoiseModel::features_std, &NoiseModel::labels_std, &NoiseModel::initial_std,
          &NoiseModel::logits_std, &NoiseModel::error_std, &NoiseModel::state_std}) {
        NoiseModel noise;
        noise.*part = 1e-6;
        const RowMatrix noisy = run_dual_twin(data, recipe, &noise).main;
        EXPECT_EQ(noisy, run_dual_twin(data, recipe, &noise).main);
        EXPECT_GT((noisy - exact).cwiseAbs().maxCoeff(), 1e-8);
        EXPECT_LT((noisy - exact).cwiseAbs().maxCoeff(), 1e-3);
        noise.seed = 2;
        EXPECT_NE(noisy, run_dual_twin(data, recipe, &noise).main);
    }
    NoiseModel gradient;
    gradient.gradient_std = 1e-6;
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"no gradient"},
                       [&] { static_cast<void>(run_dual_twin(data, recipe, &gradient)); }));
}

testing::AssertionResult dual_trains(const TrainingRun& run) {
    const DualHistory twin(run);
    EncryptedTrainer trainer(run.plan, run.keys, run.upload());
    TrainingState state;
    while (state.iteration < run.plan.recipe().iterations) {
        state = trainer.step(state);
        if (const auto fits = check_state(run.plan, state); !fits) {
            return testing::AssertionFailure() << fits.error().message;
        }
        if (const auto right = follows(run, twin, state); !right) {
            return right;
        }
    }
    const bool is_main = run.plan.recipe().model == ModelSequence::main;
    if (&trainer.model(state) != (is_main ? &state["main"] : &state["extrapolated"])) {
        return testing::AssertionFailure() << "the model is the wrong sequence";
    }
    return testing::AssertionSuccess();
}

TEST(DualTrainer, FollowsItsTwinOverRandomShapesAndRecipes) {
    EXPECT_TRUE(holds("encrypted dual training", 40, [] {
        const unsigned log_n = *rc::gen::element(8U, 8U, 9U, 10U);
        const std::size_t slots = std::size_t{1} << (log_n - 1);
        const TrainingShape shape{.samples = pick<std::size_t>(1, slots / 16 + 1),
                                  .features = pick<std::size_t>(2, 40),
                                  .classes = pick<std::size_t>(2, 9)};
        const int iterations = pick(2, 5);
        const int degree = 2 * pick(0, 4) + 1;
        Recipe recipe = standard_recipe(iterations, stable_step, fit_sigmoid(degree, 8));
        if (*rc::gen::arbitrary<bool>()) {
            recipe = chiang2023_recipe(iterations, static_cast<Eigen::Index>(shape.samples));
            if (degree != 3) {
                recipe.sigmoid = fit_sigmoid(degree, 8);
            }
        }
        if (*rc::gen::arbitrary<bool>()) {
            recipe.gradient_at =
                *rc::gen::element(ModelSequence::main, ModelSequence::extrapolated);
            recipe.model = *rc::gen::element(ModelSequence::main, ModelSequence::extrapolated);
            recipe.initial_weight = *rc::gen::element(0.0, -0.01, 0.02);
        }
        RC_LOG() << shape.samples << " x " << shape.features << " x " << shape.classes << ", log_n "
                 << log_n << ", degree " << degree << ", " << iterations << " iterations, "
                 << name(recipe.preset) << ", gradient at " << name(recipe.gradient_at)
                 << ", model " << name(recipe.model) << ", initial weight " << recipe.initial_weight
                 << '\n';
        PlanOptions options = small_options(log_n, "dual");
        options.kernel = *rc::gen::element(KernelSource::owner, KernelSource::server);
        const TrainingRun run(shape, recipe, options, *rc::gen::arbitrary<std::uint64_t>());
        RC_ASSERT(run.plan.solver().name() == "dual");
        const auto right = dual_trains(run);
        if (!right) {
            RC_FAIL(right.message());
        }
    }));
}

// Encrypted against encrypted: each is within its own derived noise of the same exact model, so
// that their difference is within the sum.
TEST(DualTrainer, GivesThePrimalTrainersModel) {
    for (const bool chiang : {false, true}) {
        const Recipe recipe =
            chiang ? chiang2023_recipe(3, 20) : standard_recipe(4, stable_step, fit_sigmoid(3, 8));
        const TrainingShape shape{.samples = 20, .features = 14, .classes = 4};
        const auto train = [](const TrainingRun& run) {
            EncryptedTrainer trainer(run.plan, run.keys, run.upload());
            TrainingState state;
            while (state.iteration < run.plan.recipe().iterations) {
                state = trainer.step(state);
            }
            return state;
        };
        const auto blocks = [&](const TrainingState& state) -> const std::vector<Ciphertext>& {
            return recipe.model == ModelSequence::main ? state["main"] : state["extrapolated"];
        };
        const auto matrix = [](std::vector<double> values, Eigen::Index rows) {
            return RowMatrix(Eigen::Map<const RowMatrix>(
                values.data(), rows, static_cast<Eigen::Index>(values.size()) / rows));
        };
        const TrainingRun primal(shape, recipe, small_options(9, "primal"), 11);
        const TrainingRun dual(shape, recipe, small_options(9, "dual"), 11);
        const RowMatrix primal_model = matrix(primal.decrypt(blocks(train(primal))), 4);
        const RowMatrix dual_model = model_of(
            matrix(test::decrypt_coefficients(dual, blocks(train(dual))), 20), dual.prepared);
        const double bound = test::state_error_bound(primal.plan, primal.prepared) +
                             test::state_error_bound(dual.plan, dual.prepared);
        EXPECT_LT(bound, 1e-4);
        const double difference = (primal_model - dual_model).cwiseAbs().maxCoeff();
        EXPECT_LT(difference, bound);
        EXPECT_GT(difference, 0);
    }
}

TEST(DualTrainer, SameBitsOnAnyNumberOfThreads) {
    const TrainingRun run({.samples = 30, .features = 20, .classes = 4},
                          standard_recipe(2, stable_step, fit_sigmoid(3, 8)),
                          small_options(9, "dual"), 3);
    const EncryptedTrainingData data = run.upload();
    const auto copy = [&data] {
        EncryptedTrainingData result;
        for (const auto& [name, blocks] : data) {
            for (const Ciphertext& block : blocks) {
                result[name].push_back(block.copy());
            }
        }
        return result;
    };
    const auto train = [&] {
        EncryptedTrainer trainer(run.plan, run.keys, copy());
        return trainer.step(trainer.step({}));
    };
    const TrainingState one = test::with_threads(1, train);
    const TrainingState two = test::with_threads(2, train);
    ASSERT_EQ(one["main"].size(), 1U);
    EXPECT_TRUE(test::same_bits(one["main"][0], two["main"][0]));
}

TEST(DualTrainer, DataThatIsNotThePlansIsRefused) {
    const TrainingRun run({.samples = 12, .features = 9, .classes = 3},
                          standard_recipe(2, stable_step, fit_sigmoid(3, 8)),
                          small_options(8, "dual"), 4);
    const auto refused = [&](std::initializer_list<std::string_view> words, auto&& change) {
        EncryptedTrainingData data = run.upload();
        change(data);
        EXPECT_TRUE(throws(ErrorCode::corrupt_data, words,
                           [&] { EncryptedTrainer trainer(run.plan, run.keys, std::move(data)); }));
    };
    refused({"features", "got"}, [](auto& data) { data["features"].pop_back(); });
    refused({"labels", "got 0"}, [](auto& data) { data["labels"].clear(); });
    refused({"start", "got 0"}, [](auto& data) { data["start"].clear(); });
    refused({"logits", "got 1"},
            [](auto& data) { data["logits"].push_back(data["labels"][0].copy()); });
    refused({"of others", "got 1"},
            [](auto& data) { data["others"].push_back(data["labels"][0].copy()); });
}

TEST(DualPlan, ChoosesTheCheaperSolver) {
    const Recipe recipe = standard_recipe(8, 8, fit_sigmoid(3, 8));
    EXPECT_EQ(TrainingPlan::create({128, 401, 10}, recipe).solver().name(), "dual");
    EXPECT_EQ(TrainingPlan::create({4096, 30, 2}, standard_recipe(2, 8, fit_sigmoid(3, 8)))
                  .solver()
                  .name(),
              "primal");
    // One step from zero has no product, hence nothing for a kernel to do.
    EXPECT_EQ(TrainingPlan::create({128, 401, 10}, standard_recipe(1, 8, fit_sigmoid(3, 8)))
                  .solver()
                  .name(),
              "primal");
    PlanOptions dual;
    dual.solver = "dual";
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"2 iterations or more"}, [&] {
        static_cast<void>(
            TrainingPlan::create({128, 401, 10}, standard_recipe(1, 8, fit_sigmoid(3, 8)), dual));
    }));
    dual.log_n = 14;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"5000 samples", "primal"}, [&] {
        static_cast<void>(
            TrainingPlan::create({5000, 30, 10}, standard_recipe(2, 8, fit_sigmoid(3, 8)), dual));
    }));
}

TEST(DualPlan, LevelsAndUploadsAreAsStated) {
    PlanOptions options;
    options.solver = "dual";
    const TrainingPlan plan =
        TrainingPlan::create({128, 401, 10}, standard_recipe(8, 8, fit_sigmoid(3, 8)), options);
    EXPECT_EQ(plan.parameters().max_level(), 21U);  // 7 (1 + 2)
    EXPECT_EQ(plan.first_iteration_levels(), 0U);
    EXPECT_EQ(plan.levels_per_iteration(), 3U);
    EXPECT_EQ(plan.parameters().security_bits(), 128U);
    EXPECT_EQ(dual_solver(plan).layout().lanes() * 128 * 16, plan.parameters().slots());
    EXPECT_EQ(test::message(plan, "features").count, 128 / dual_solver(plan).layout().lanes());
    EXPECT_EQ(plan.upload_ciphertexts(), test::message(plan, "features").count + 2);
    const TrainingPlan chiang =
        TrainingPlan::create({128, 401, 10}, chiang2023_recipe(2, 128), options);
    EXPECT_EQ(chiang.first_iteration_levels(), 2U);
    EXPECT_EQ(chiang.parameters().max_level(), 5U);
    EXPECT_EQ(test::message(chiang, "start").count, 0U);
    EXPECT_EQ(test::message(chiang, "logits").count, 1U);
}

TEST(DualPlan, ComesBackFromJsonAndNothingElseDoes) {
    const TrainingPlan plan = TrainingPlan::create(
        {20, 30, 4}, standard_recipe(2, 8, fit_sigmoid(3, 8)), small_options(9, "dual"));
    const nlohmann::json json = plan.to_json();
    const auto back = TrainingPlan::from_json(json);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->hash(), plan.hash());
    EXPECT_EQ(dual_solver(*back).layout().babies(), dual_solver(plan).layout().babies());
    const auto refused = [&](const char* key, const nlohmann::json& value) {
        nlohmann::json bad = json;
        bad[key] = value;
        const auto result = TrainingPlan::from_json(bad);
        ASSERT_FALSE(result) << key;
        EXPECT_EQ(result.error().code, ErrorCode::corrupt_data) << key;
    };
    refused("solver", "primal");
    refused("solver", "both");
    refused("solver", 1);
    refused("babies", 3);
    refused("babies", 1U << 20U);
    refused("kernel", "server");
    refused("kernel", "nobody");
    refused("lane", 64);
    refused("samples", 100000);
}

}  // namespace
}  // namespace cipherfit
