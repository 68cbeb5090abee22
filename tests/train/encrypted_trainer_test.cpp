// Encrypted training against the twin, after every iteration, within derived noise.
#include "cipherfit/train/encrypted_trainer.h"

#include "support/errors.h"
#include "support/property.h"
#include "support/small_rings.h"
#include "support/stable_step.h"
#include "support/training_run.h"

#include <cstdlib>

namespace cipherfit {
namespace {

using test::follows;
using test::holds;
using test::pick;
using test::stable_step;
using test::throws;
using test::TrainingRun;
using test::TwinHistory;

PlanOptions small_options(unsigned log_n) {
    PlanOptions options;
    options.solver = "primal";
    options.log_n = log_n;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::never;
    return options;
}

TrainingState copy(const TrainingState& state) {
    TrainingState result{.iteration = state.iteration};
    for (const auto& [name, blocks] : state.sequences) {
        for (const Ciphertext& block : blocks) {
            result[name].push_back(block.copy());
        }
    }
    return result;
}

testing::AssertionResult trains(const TrainingRun& run) {
    const TwinHistory twin(run);
    EncryptedTrainer trainer(run.plan, run.keys, run.upload());
    TrainingState state;
    for (int t = 0; t < run.plan.recipe().iterations; ++t) {
        state = trainer.step(state);
        if (state.iteration != t + 1) {
            return testing::AssertionFailure() << "iteration " << state.iteration;
        }
        if (const auto fits = check_state(run.plan, state); !fits) {
            return testing::AssertionFailure() << fits.error().message;
        }
        if (const auto right = follows(run, twin, state); !right) {
            return right;
        }
    }
    const bool is_main = run.plan.recipe().model == ModelSequence::main;
    if (&trainer.model(state) != (is_main ? &state["main"] : &state["extrapolated"]) ||
        !(is_main ? &state["extrapolated"] : &state["main"])->empty()) {
        return testing::AssertionFailure() << "the model is the wrong sequence";
    }
    return testing::AssertionSuccess();
}

TEST(EncryptedTrainer, FollowsTheTwinOverRandomShapesAndRecipes) {
    EXPECT_TRUE(holds("encrypted training", 40, [] {
        const unsigned log_n = *rc::gen::element(8U, 8U, 9U, 10U);
        const std::size_t slots = std::size_t{1} << (log_n - 1);
        const TrainingShape shape{
            // From one to several ciphertexts of features.
            .samples = pick<std::size_t>(2, 50),
            .features = pick<std::size_t>(2, slots / 4),
            .classes = pick<std::size_t>(2, log_n == 10 ? 13 : 9),
        };
        const int iterations = pick(1, 5);
        const int degree = 2 * pick(0, 4) + 1;
        Recipe recipe;
        if (*rc::gen::arbitrary<bool>()) {
            recipe = standard_recipe(iterations, stable_step, fit_sigmoid(degree, 8));
        } else {
            recipe = chiang2023_recipe(iterations, static_cast<Eigen::Index>(shape.samples));
            if (degree != 3) {
                recipe.sigmoid = fit_sigmoid(degree, 8);
            }
        }
        // The combinations that no preset has.
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
        const TrainingRun run(shape, recipe, small_options(log_n),
                              *rc::gen::arbitrary<std::uint64_t>());
        const auto right = trains(run);
        if (!right) {
            RC_FAIL(right.message());
        }
    }));
}

TEST(EncryptedTrainer, BothPresetsWithEveryDegreeOverSeveralCiphertexts) {
    for (const int degree : {1, 3, 5, 7}) {
        const TrainingShape shape{.samples = 40, .features = 37, .classes = 5};
        EXPECT_TRUE(trains(TrainingRun(
            shape, standard_recipe(4, stable_step, fit_sigmoid(degree, 8)), small_options(9), 1)))
            << "standard " << degree;
        Recipe recipe = chiang2023_recipe(3, 40);
        recipe.sigmoid = degree == 3 ? chiang2023_sigmoid() : fit_sigmoid(degree, 8);
        EXPECT_TRUE(trains(TrainingRun(shape, recipe, small_options(9), 2)))
            << "chiang2023 " << degree;
    }
}

// Two classes as one head, and as the two that plans had before.
TEST(EncryptedTrainer, TwoClassesWithOneHeadAndWithTwo) {
    const Recipe recipe = standard_recipe(4, stable_step, fit_sigmoid(3, 8));
    for (const std::size_t heads : {0U, 2U}) {
        const TrainingRun run({.samples = 40, .features = 37, .classes = 2, .heads = heads}, recipe,
                              small_options(9), 4);
        EXPECT_EQ(primal_solver(run.plan).layout().padded_classes(), heads == 0 ? 1U : 2U);
        EXPECT_TRUE(trains(run)) << heads << " heads";
    }
}

TEST(EncryptedTrainer, SameBitsInEveryRunAndOnAnyNumberOfThreads) {
    const TrainingRun run({.samples = 30, .features = 20, .classes = 4},
                          standard_recipe(2, stable_step, fit_sigmoid(3, 8)), small_options(9), 3);
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
    for (const std::size_t threads : {1U, 2U}) {
        const TrainingState again = test::with_threads(threads, train);
        ASSERT_EQ(again["main"].size(), one["main"].size());
        for (std::size_t b = 0; b < one["main"].size(); ++b) {
            EXPECT_TRUE(test::same_bits(again["main"][b], one["main"][b])) << threads;
        }
    }
}

// A run can stop after any iteration and go on from the state alone.
TEST(EncryptedTrainer, ContinuesFromAState) {
    const TrainingRun run({.samples = 12, .features = 9, .classes = 3},
                          standard_recipe(3, stable_step, fit_sigmoid(3, 8)), small_options(8), 4);
    EncryptedTrainer trainer(run.plan, run.keys, run.upload());
    const TrainingState first = trainer.step({});
    const TrainingState kept = copy(first);
    const TrainingState straight = trainer.step(trainer.step(first));
    const TrainingState resumed = trainer.step(trainer.step(kept));
    EXPECT_TRUE(test::same_bits(straight["main"][0], resumed["main"][0]));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"1 of 3"},
                       [&] { static_cast<void>(trainer.model(first)); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"4 of 3"},
                       [&] { static_cast<void>(trainer.step(straight)); }));
}

TEST(EncryptedTrainer, StatesThatDoNotFitAreRefused) {
    for (const bool chiang : {false, true}) {
        const Recipe recipe =
            chiang ? chiang2023_recipe(3, 20) : standard_recipe(3, stable_step, fit_sigmoid(3, 8));
        const TrainingRun run({.samples = 20, .features = 40, .classes = 3}, recipe,
                              small_options(8), 5);
        ASSERT_GT(primal_solver(run.plan).layout().feature_blocks(), 1U);
        EncryptedTrainer trainer(run.plan, run.keys, run.upload());
        const TrainingState first = trainer.step({});
        const TrainingState second = trainer.step(first);
        const TrainingState last = trainer.step(second);
        EXPECT_TRUE(check_state(run.plan, {}));
        for (const TrainingState* state : {&first, &second, &last}) {
            EXPECT_TRUE(check_state(run.plan, *state)) << state->iteration;
        }
        const Evaluator evaluator(run.keys);
        const auto refused = [&](const char* what, TrainingState state) {
            const auto fits = check_state(run.plan, state);
            ASSERT_FALSE(fits) << what;
            EXPECT_EQ(fits.error().code, ErrorCode::corrupt_data) << what;
            EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"iteration"}, [&] {
                static_cast<void>(trainer.step(state));
            })) << what;
        };
        const auto changed = [&](const TrainingState& state, auto&& change) {
            TrainingState result = copy(state);
            change(result);
            return result;
        };
        refused("negative", changed(first, [](auto& s) { s.iteration = -1; }));
        refused("beyond the end", changed(last, [](auto& s) { s.iteration = 4; }));
        refused("another iteration", changed(first, [](auto& s) { s.iteration = 2; }));
        refused("nothing at 1", TrainingState{.iteration = 1});
        refused("something at 0", changed(first, [](auto& s) { s.iteration = 0; }));
        refused("no main", changed(second, [](auto& s) { s["main"].clear(); }));
        refused("no extrapolated", changed(second, [](auto& s) { s["extrapolated"].clear(); }));
        refused("a block short", changed(second, [](auto& s) { s["main"].pop_back(); }));
        refused("a block more", changed(second, [](auto& s) {
                    s["extrapolated"].push_back(s["extrapolated"][0].copy());
                }));
        refused("a lower level", changed(second, [&](auto& s) {
                    s["main"][1] = evaluator.drop_to_level(s["main"][1], s["main"][1].level() - 1);
                }));
        refused("another scale", changed(second, [](auto& s) {
                    s["extrapolated"][0] = std::move(s["extrapolated"][0]).with_factor(1.5);
                }));
        refused("a scale off by a millionth", changed(second, [](auto& s) {
                    s["main"][0] = std::move(s["main"][0]).with_factor(1.000001);
                }));
        refused("three parts", changed(second, [&](auto& s) {
                    s["main"][0] = evaluator.multiply(s["main"][0], s["main"][0])
                                       .with_factor(s["main"][0].scale());
                }));
        if (second["main"][0].scale() != second["extrapolated"][0].scale()) {
            refused("sequences exchanged",
                    changed(second, [](auto& s) { std::swap(s["main"], s["extrapolated"]); }));
        }
    }
}

TEST(EncryptedTrainer, DataThatDoesNotFitThePlanIsRefused) {
    const TrainingRun run({.samples = 20, .features = 40, .classes = 3}, chiang2023_recipe(2, 20),
                          small_options(8), 6);
    const auto refused = [&](ErrorCode code, auto&& change) {
        EncryptedTrainingData data = run.upload();
        change(data);
        return throws(code, {"ciphertext"},
                      [&] { EncryptedTrainer trainer(run.plan, run.keys, std::move(data)); });
    };
    constexpr auto corrupt = ErrorCode::corrupt_data;
    EXPECT_TRUE(refused(corrupt, [](auto& d) { d["features"].pop_back(); }));
    EXPECT_TRUE(refused(corrupt, [](auto& d) { d["labels"].clear(); }));
    EXPECT_TRUE(refused(corrupt, [](auto& d) { d["logits"].clear(); }));
    EXPECT_TRUE(refused(corrupt, [](auto& d) { d["labels"].push_back(d["labels"][0].copy()); }));
    EXPECT_TRUE(refused(corrupt, [](auto& d) { std::swap(d["features"][0], d["labels"][0]); }));
    EXPECT_TRUE(refused(
        corrupt, [](auto& d) { d["features"][1] = std::move(d["features"][1]).with_factor(2.0); }));
    const Evaluator evaluator(run.keys);
    EXPECT_TRUE(refused(
        corrupt, [&](auto& d) { d["logits"][0] = evaluator.drop_to_level(d["logits"][0], 0); }));
    const TrainingRun zero({.samples = 20, .features = 40, .classes = 3},
                           standard_recipe(2, 1.0, fit_sigmoid(1, 8)), small_options(8), 7);
    EncryptedTrainingData stray = zero.upload();
    stray["logits"].push_back(stray["labels"][0].copy());
    EXPECT_TRUE(throws(corrupt, {"of logits"},
                       [&] { EncryptedTrainer trainer(zero.plan, zero.keys, std::move(stray)); }));
    // A key removed, or made for a level too low.
    const KeyRequest all = run.plan.keys();
    for (const auto& [id, level] : all.levels()) {
        KeyRequest others;
        for (const auto& [other, other_level] : all.levels()) {
            if (other != id) {
                others.add(other, other_level);
            }
        }
        KeyRequest lowered = others;
        lowered.add(id, level - 1);
        for (const KeyRequest& request : {others, lowered}) {
            const EvaluationKeys keys = run.owner.keys(request);
            EXPECT_TRUE(throws(ErrorCode::missing_key, {}, [&] {
                EncryptedTrainer trainer(run.plan, keys, run.upload());
            })) << id.code;
        }
    }
}

// At the size and security of real work: 1,000 samples of 700 features in 26 classes.
TEST(EncryptedTrainer, FullSizeAt128Bits) {
    if (test::small_rings()) {
        GTEST_SKIP() << "the full-size run is left out: CIPHERFIT_SMALL_RINGS is set";
    }
    const TrainingShape shape{.samples = 1000, .features = 700, .classes = 26};
    for (const Recipe& recipe :
         {standard_recipe(1, 8.0, fit_sigmoid(3, 8)), chiang2023_recipe(1, 1000)}) {
        const TrainingRun run(shape, recipe, {}, 8);
        EXPECT_EQ(run.plan.parameters().security_bits(), 128U);
        EXPECT_TRUE(trains(run)) << name(recipe.preset);
    }
}

}  // namespace
}  // namespace cipherfit
