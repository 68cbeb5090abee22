// Models in the middle of dual runs with bootstrappings: weights of errors by segment, and the
// encrypted sums.
#include "solver/dual_logits/segments.h"

#include "cipherfit/ckks/encoder.h"
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/solver/owner/refresh_range.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "solver/dual/owner/dual_twin.h"
#include "solver/dual_logits/owner/dual_logits_owner.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/solvers.h"
#include "support/stable_step.h"
#include "support/training_run.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::stable_step;
using test::throws;
using test::TrainingRun;

constexpr TrainingShape shape{.samples = 20, .features = 9, .classes = 3};

PlanOptions dual_options(std::optional<int> models_every) {
    PlanOptions options;
    options.solver = "dual";
    options.log_n = 10;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::always;
    options.refresh_range = 4;
    options.models_every = models_every;
    return options;
}

// Both sequences as model and as the place of the gradient, with and without momentum and decay.
std::vector<Recipe> recipes(int iterations) {
    std::vector<Recipe> all{
        standard_recipe(iterations, stable_step, fit_sigmoid(3, 8)),
        standard_recipe(iterations, stable_step, fit_sigmoid(3, 8), Momentum::none),
        chiang2023_recipe(iterations, 20)};
    all.push_back(all[0]);
    all.back().model = ModelSequence::extrapolated;
    for (std::size_t i = 0, count = all.size(); i < count; ++i) {
        all.push_back(all[i]);
        all.back().decay = 0.04;
    }
    return all;
}

// M and U after 0, 1, ... iterations: the recurrence itself, on the errors.
struct Simulated {
    Simulated(const Recipe& recipe, const std::vector<RowMatrix>& errors)
        : main{RowMatrix::Zero(4, 2)}, extrapolated{main} {
        for (std::size_t t = 0; t < errors.size(); ++t) {
            const double eta = recipe.etas[t];
            main.push_back((1 - recipe.decay) * extrapolated.back() + recipe.steps[t] * errors[t]);
            extrapolated.push_back((1 - eta) * main[t + 1] + eta * main[t]);
        }
    }
    std::vector<RowMatrix> main, extrapolated;
};

std::vector<RowMatrix> random_errors(int count, unsigned seed) {
    std::mt19937_64 engine(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<RowMatrix> errors;
    for (int t = 0; t < count; ++t) {
        errors.push_back(RowMatrix::NullaryExpr(4, 2, [&] { return uniform(engine); }));
    }
    return errors;
}

double distance(const RowMatrix& a, const RowMatrix& b) {
    return (a - b).cwiseAbs().maxCoeff();
}

RowMatrix weighted(const std::vector<double>& weights, const std::vector<RowMatrix>& errors,
                   std::size_t first) {
    RowMatrix sum = RowMatrix::Zero(4, 2);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        sum += weights[i] * errors[first + i];
    }
    return sum;
}

TEST(Segments, JoinToWhatTheRecurrenceGives) {
    constexpr int iterations = 200;
    for (const Recipe& recipe : recipes(iterations)) {
        const std::vector<RowMatrix> errors = random_errors(iterations, 3);
        const Simulated simulated(recipe, errors);
        // Some ten thousand operations on sums of |weights| below this.
        const double bound = 1e4 * 0x1p-53 * 4.0 * stable_step * iterations * iterations;
        for (const int every : {1, 7, 10, 64, 199, 200}) {
            RowMatrix main = RowMatrix::Zero(4, 2);
            RowMatrix extrapolated = main;
            for (int begin = 0; begin < iterations; begin += every) {
                const int end = std::min(begin + every, iterations);
                const ErrorSum f = error_sum(recipe, begin, end, {1, 0});
                const ErrorSum g = error_sum(recipe, begin, end, {0, 1});
                ASSERT_EQ(f.weights.size(), static_cast<std::size_t>(end - begin));
                const auto first = static_cast<std::size_t>(begin);
                const Eigen::Matrix2d t = transport(recipe, begin, end);
                const RowMatrix next =
                    t(0, 0) * main + t(0, 1) * extrapolated + weighted(f.weights, errors, first);
                extrapolated =
                    t(1, 0) * main + t(1, 1) * extrapolated + weighted(g.weights, errors, first);
                main = next;
                const auto done = static_cast<std::size_t>(end);
                EXPECT_LT(distance(main, simulated.main[done]), bound) << every << " " << end;
                EXPECT_LT(distance(extrapolated, simulated.extrapolated[done]), bound);
                if (recipe.decay == 0) {
                    EXPECT_LE(t.cwiseAbs().maxCoeff(), 1 + 2.0 * (end - begin));
                }
                if (!has_momentum(recipe)) {
                    EXPECT_EQ(f.weights, g.weights);
                }
            }
        }
        const RowMatrix& model = recipe.model == ModelSequence::main
                                     ? simulated.main.back()
                                     : simulated.extrapolated.back();
        EXPECT_LT(distance(weighted(error_weights(recipe), errors, 0), model), bound);
    }
    const Recipe recipe = standard_recipe(5, 1, fit_sigmoid(3, 8));
    for (const auto& [begin, end] : {std::pair{-1, 3}, {3, 2}, {0, 6}}) {
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"segment", "5"}, [&, b = begin, e = end] {
            static_cast<void>(error_sum(recipe, b, e, {1, 0}));
        }));
    }
}

TEST(Segments, PlansWeightThemUpToTheLastBoundary) {
    const Recipe recipe = chiang2023_recipe(11, 20);
    const TrainingPlan plan = TrainingPlan::create(shape, recipe, dual_options(4));
    const SegmentWeights weights = segment_weights(plan.recipe(), plan.models_every());
    ASSERT_EQ(weights.main.size(), 8U);
    ASSERT_EQ(weights.extrapolated.size(), 8U);
    for (const int begin : {0, 4}) {
        const auto first = weights.main.begin() + begin;
        EXPECT_EQ(std::vector<double>(first, first + 4),
                  error_sum(recipe, begin, begin + 4, {1, 0}).weights);
    }
    const std::vector<std::size_t> expected{0, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0};
    for (int t = 0; t <= 11; ++t) {
        EXPECT_EQ(dual_logits_solver(plan).segment_ciphertexts(plan, t),
                  expected[static_cast<std::size_t>(t)])
            << t;
    }
    const TrainingPlan without = TrainingPlan::create(shape, recipe, dual_options(0));
    EXPECT_FALSE(without.has_intermediate_models());
    EXPECT_TRUE(segment_weights(without.recipe(), without.models_every()).main.empty());
    EXPECT_EQ(sequence_of(without.state(4), "segment").count, 0U);
    EXPECT_NE(without.hash(), plan.hash());
    PlanOptions primal = dual_options(4);
    primal.solver = "primal";
    EXPECT_EQ(TrainingPlan::create(shape, recipe, primal).models_every(), 1);
}

TEST(Segments, PlannerMakesAboutTwentyModels) {
    for (const auto& [iterations, every] :
         {std::pair{5, 1}, {21, 1}, {22, 2}, {60, 5}, {200, 10}, {210, 10}, {211, 20}}) {
        const TrainingPlan plan = TrainingPlan::create(
            shape, standard_recipe(iterations, 0.5, fit_sigmoid(3, 8)), dual_options(std::nullopt));
        EXPECT_EQ(plan.models_every(), every) << iterations;
    }
}

TEST(Segments, PlansThatCannotBeAreRefused) {
    const Recipe recipe = standard_recipe(8, stable_step, fit_sigmoid(3, 8));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"every 8", "of 8"}, [&] {
        static_cast<void>(TrainingPlan::create(shape, recipe, dual_options(8)));
    }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"-1"}, [&] {
        static_cast<void>(TrainingPlan::create(shape, recipe, dual_options(-1)));
    }));
    const nlohmann::json valid = TrainingPlan::create(shape, recipe, dual_options(3)).to_json();
    const auto with = [](nlohmann::json json, const nlohmann::json& every) {
        json["refresh"]["models_every"] = every;
        return TrainingPlan::from_json(json);
    };
    ASSERT_EQ(valid["refresh"]["models_every"], 3);
    ASSERT_TRUE(with(valid, 7).has_value());
    EXPECT_EQ(with(valid, 7)->models_every(), 7);
    // 0 is said by leaving it out.
    for (const nlohmann::json& bad :
         {nlohmann::json(0), nlohmann::json(8), nlohmann::json(-1), nlohmann::json(10'001),
          nlohmann::json(1ULL << 33U), nlohmann::json(1e300), nlohmann::json(2.0),
          nlohmann::json("3"), nlohmann::json(nullptr), nlohmann::json(true),
          nlohmann::json::array({3})}) {
        const auto read = with(valid, bad);
        ASSERT_FALSE(read.has_value()) << bad;
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data) << read.error().message;
    }
    nlohmann::json absent = valid;
    absent["refresh"].erase("models_every");
    const auto none = TrainingPlan::from_json(absent);
    ASSERT_TRUE(none.has_value()) << none.error().message;
    EXPECT_EQ(none->models_every(), 0);
    PlanOptions primal = dual_options(std::nullopt);
    primal.solver = "primal";
    EXPECT_FALSE(with(TrainingPlan::create(shape, recipe, primal).to_json(), 3).has_value());
}

// At every boundary the sums are those of the twin's errors, up to the noise of E, and a state's
// segment is what its plan says.
TEST(Segments, EncryptedSumsJoinToTheTwinsModels) {
    for (const Recipe& recipe : recipes(8)) {
        SCOPED_TRACE(to_json(recipe).dump());
        PlanOptions options = dual_options(3);
        options.refresh_range = largest_carried_logit(PlainRun(
            "dual", std::make_shared<const PreparedData>(test::synthetic_data(shape, recipe, 5)),
            recipe));
        const TrainingRun run(shape, recipe, options, 5);
        const Preprocessing plain{.preset = recipe.preset,
                                  .mean = Eigen::VectorXd::Zero(8),
                                  .factor = 1.0,
                                  .column_scale = Eigen::VectorXd::Ones(9)};
        const ErrorBounds bounds = test::error_bounds(run.plan, run.prepared, plain);
        EXPECT_EQ(bounds.states.back(), test::state_error_bound(run.plan, run.prepared));
        const std::vector<RowMatrix> twins = test::twin_models("primal", run.prepared, recipe);
        const auto decrypted = [&](const Ciphertext& block) {
            const std::vector<double> values =
                dual_solver(run.plan).layout().unpack_replicas(run.owner.decrypt_real(block));
            return RowMatrix(Eigen::Map<const RowMatrix>(values.data(), 20, 3));
        };
        EncryptedTrainer trainer(run.plan, run.keys, run.upload());
        TrainingState state;
        RowMatrix main = RowMatrix::Zero(20, 3);
        RowMatrix extrapolated = main;
        double largest = 0;
        while (state.iteration < 6) {
            state = trainer.step(state);
            const auto fits = check_state(run.plan, state);
            ASSERT_TRUE(fits.has_value()) << fits.error().message;
            ASSERT_EQ(state["segment"].size(), has_momentum(recipe) ? 2U : 1U);
            if (state.iteration % 3 != 0) {
                continue;
            }
            for (const Ciphertext& sum : state["segment"]) {
                const std::vector<double> slots = run.owner.decrypt_real(sum);
                largest = std::max(largest, largest_coefficient(std::vector<std::complex<double>>(
                                                slots.begin(), slots.end())));
            }
            const Eigen::Matrix2d t = transport(recipe, state.iteration - 3, state.iteration);
            const RowMatrix next =
                t(0, 0) * main + t(0, 1) * extrapolated + decrypted(state["segment"][0]);
            extrapolated = has_momentum(recipe)
                               ? RowMatrix(t(1, 0) * main + t(1, 1) * extrapolated +
                                           decrypted(state["segment"][1]))
                               : next;
            main = next;
            const RowMatrix model =
                model_of(recipe.model == ModelSequence::main ? main : extrapolated, run.prepared);
            const auto index = static_cast<std::size_t>(state.iteration - 1);
            EXPECT_LT(distance(model, twins[index]), bounds.states[index]);
            EXPECT_GT(distance(model, twins[index]), 0);
            EXPECT_LT(bounds.states[index], 1e-2 * twins[index].cwiseAbs().maxCoeff());
        }
        EXPECT_NEAR(largest_segment_coefficient(
                        run.plan, PlainRun("dual", borrowed(run.prepared), run.plan.recipe())),
                    largest, 1e-3 * largest);
        EXPECT_LT(largest, dual_logits_solver(run.plan).segment_capacity(run.plan));
        // A segment ciphertext that lacks, one too many, and one of another level or scale.
        const auto refused = [&](TrainingState& changed) {
            const auto fits = check_state(run.plan, changed);
            return !fits && fits.error().code == ErrorCode::corrupt_data;
        };
        Ciphertext last = std::move(state["segment"].back());
        state["segment"].pop_back();
        EXPECT_TRUE(refused(state));
        state["segment"].push_back(last.copy().with_factor(2));
        EXPECT_TRUE(refused(state));
        state["segment"].back() = Evaluator(run.keys).drop_to_level(last, coefficient_level - 1);
        EXPECT_TRUE(refused(state));
        state["segment"].back() = last.copy();
        EXPECT_TRUE(check_state(run.plan, state).has_value());
        state["segment"].push_back(std::move(last));
        EXPECT_TRUE(refused(state));
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"iteration 7", "fit"},
                           [&] { static_cast<void>(trainer.step(state)); }));
        state["segment"].pop_back();
        state = trainer.step(state);  // beyond the last boundary
        EXPECT_TRUE(state["segment"].empty());
    }
}

// Weights that are rounded change models in between, and no other.
TEST(Segments, RoundedWeightsAreTransportedToLaterModels) {
    for (const Recipe& recipe : recipes(12)) {
        const PreparedData data = test::synthetic_data(shape, recipe, 2);
        NoiseModel noise{.weights_std = 1e-3, .segment_length = 4};
        const auto exact = test::twin_models("dual", data, recipe);
        const auto rounded = test::twin_models("dual", data, recipe, &noise);
        for (std::size_t t = 0; t < 12; ++t) {
            EXPECT_EQ(rounded[t] != exact[t], t == 3 || t == 7) << t;
        }
        // Each of four weights of errors below 1 (|E| <= 1 here) by some deviations, transported.
        for (const std::size_t t : {3U, 7U}) {
            EXPECT_LT(distance(rounded[t], exact[t]),
                      5e-3 * 8 * 10 * data.xs.cwiseAbs().colwise().sum().maxCoeff());
        }
        noise.segment_length = -1;
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"-1"}, [&] {
            static_cast<void>(test::twin_models("dual", data, recipe, &noise));
        }));
    }
}

}  // namespace
}  // namespace cipherfit
