#include "cipherfit/train/plan.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "cipherfit/train/cost.h"
#include "support/errors.h"
#include "support/property.h"
#include "support/small_plans.h"
#include "support/small_rings.h"
#include "support/solvers.h"
#include "train/refresh.h"

#include <cmath>

namespace cipherfit {
namespace {

using test::holds;
using test::pick;
using test::small_options;
using test::standard;
using test::throws;

const TrainingShape usual{.samples = 128, .features = 401, .classes = 10};

auto creation(const TrainingShape& shape, const Recipe& recipe, const PlanOptions& options = {}) {
    return [=] { static_cast<void>(TrainingPlan::create(shape, recipe, options)); };
}

TEST(IterationLevels, CountWhatEachIterationSpends) {
    for (const int degree : {1, 3, 5, 7}) {
        const int depth = degree == 1 ? 1 : degree == 3 ? 2 : 3;
        for (const bool zero_start : {true, false}) {
            for (const int iterations : {1, 2, 5}) {
                Recipe recipe = standard(iterations, degree);
                recipe.initial_weight = zero_start ? 0.0 : 0.01;
                const auto dual = test::levels_of(recipe, "dual");
                EXPECT_EQ(dual[0].start, (zero_start ? 0 : depth) + (iterations - 1) * (depth + 1));
                EXPECT_EQ(dual.back().end, 0);
                for (const IterationLevels& at : dual) {
                    EXPECT_EQ(at.end, at.backward);
                }
                const auto levels = test::levels_of(recipe, "primal");
                ASSERT_EQ(levels.size(), static_cast<std::size_t>(iterations));
                const int first = zero_start ? 1 : 1 + depth;
                EXPECT_EQ(levels[0].start, first + (iterations - 1) * (depth + 2));
                EXPECT_EQ(levels[0].start - levels[0].end, first);
                EXPECT_EQ(levels[0].forward, -1);
                EXPECT_EQ(levels[0].sigmoid, zero_start ? -1 : levels[0].start);
                EXPECT_EQ(levels.back().end, 0);
                for (std::size_t t = 0; t < levels.size(); ++t) {
                    EXPECT_EQ(levels[t].backward - 1, levels[t].end);
                    if (t > 0) {
                        EXPECT_EQ(levels[t].start, levels[t - 1].end);
                        EXPECT_EQ(levels[t].forward, levels[t].start);
                        EXPECT_EQ(levels[t].sigmoid, levels[t].forward - 1);
                        EXPECT_EQ(levels[t].backward, levels[t].sigmoid - depth);
                    }
                }
            }
        }
    }
}

// The figures of the design: four levels an iteration of the cubic and one for the first from zero;
// eight iterations take 29, two of the paper's preset 7.
TEST(TrainingPlan, LevelsOfTheDesign) {
    PlanOptions primal;
    primal.solver = "primal";
    const TrainingPlan eight = TrainingPlan::create(usual, standard(8), primal);
    EXPECT_EQ(eight.levels_per_iteration(), 4U);
    EXPECT_EQ(eight.first_iteration_levels(), 1U);
    EXPECT_EQ(eight.parameters().max_level(), 29U);
    const TrainingPlan paper = TrainingPlan::create(usual, chiang2023_recipe(2, 128), primal);
    EXPECT_EQ(paper.first_iteration_levels(), 3U);
    EXPECT_EQ(paper.parameters().max_level(), 7U);
    EXPECT_TRUE(paper.initial_logits());
    EXPECT_FALSE(eight.initial_logits());
}

TEST(TrainingPlan, ChosenPlansAreSecureAndKeepTheirPromises) {
    EXPECT_TRUE(holds("plans", test::small_rings() ? 6 : 30, [] {
        const TrainingShape shape{.samples = pick<std::size_t>(1, 3000),
                                  .features = pick<std::size_t>(1, 1200),
                                  .classes = pick<std::size_t>(1, 40)};
        const Recipe recipe = pick(0, 2) == 0 ? standard(pick(1, 5), 2 * pick(0, 4) + 1)
                                              : chiang2023_recipe(pick(1, 4), 100);
        PlanOptions options;
        options.memory_limit_bytes = 24e9;
        options.refresh = PlanOptions::Refresh::never;
        options.largest_state = std::exp2(pick(0, 15));
        const TrainingPlan plan = TrainingPlan::create(shape, recipe, options);
        const Parameters& ring = plan.parameters();
        RC_ASSERT(ring.security_bits() == 128U);
        RC_ASSERT(ring.log_qp() <= largest_secure_log_qp(ring.log_n()));
        RC_ASSERT(
            ring.max_level() ==
            static_cast<std::size_t>(test::levels_of(recipe, plan.solver().name()).front().start));
        TrainingShape planned = shape;
        planned.heads = trained_heads(shape.classes, recipe);
        RC_ASSERT(plan.shape() == planned);
        RC_ASSERT(plan.recipe() == recipe);
        if (plan.solver().name() == "primal") {
            RC_ASSERT(primal_solver(plan).layout().samples() == shape.samples);
            RC_ASSERT(primal_solver(plan).layout().features() == shape.features);
            RC_ASSERT(primal_solver(plan).layout().classes() * primal_solver(plan).class_groups() >=
                      planned.heads);
            RC_ASSERT(primal_solver(plan).layout().classes() *
                          (primal_solver(plan).class_groups() - 1) <
                      planned.heads);
            RC_ASSERT(primal_solver(plan).layout().slots() == ring.slots());
        } else {
            RC_ASSERT(dual_solver(plan).layout().samples() == shape.samples);
            RC_ASSERT(dual_solver(plan).layout().classes() == planned.heads);
            RC_ASSERT(dual_solver(plan).layout().slots() == ring.slots());
        }
        RC_ASSERT(plan_cost(plan).peak_memory_bytes <= options.memory_limit_bytes);
        RC_ASSERT(plan.state_scale() == std::ldexp(1.0, static_cast<int>(plan.state_bits())));
        RC_ASSERT(plan.state_bits() <= plan.scale_bits());
        // Room for the sign and for the other sequence, of up to twice the scale.
        RC_ASSERT(plan.state_capacity() >= options.largest_state * (1 - 0x1p-10));
        RC_ASSERT(std::log2(4 * plan.state_capacity()) + plan.state_bits() <= ring.log_q(0) + 1e-9);
    }));
}

TEST(TrainingPlan, TooManyIterationsAreRefusedWithTheNumbers) {
    constexpr auto bad = ErrorCode::bad_input;
    // 99 * 3 levels, with the dual.
    PlanOptions one_chain;
    one_chain.refresh = PlanOptions::Refresh::never;
    EXPECT_TRUE(throws(bad,
                       {"100 iterations", "297 levels", "degree 3", "128-bit", "3523", "at most"},
                       creation(usual, standard(100), one_chain)));
    const TrainingPlan refreshed = TrainingPlan::create(usual, standard(100));
    EXPECT_EQ(refreshed.parameters().security_bits(), 128U);
    EXPECT_GE(refreshed.refresh_count(), 100 / most_refreshed_levels);
    PlanOptions pinned;
    pinned.log_n = 13;
    EXPECT_TRUE(throws(bad, {"log_n = 13", "214", "at most 2 iterations", "choose the ring"},
                       creation(usual, standard(3), pinned)));
    // The advice can be followed, and is not too cautious.
    pinned.log_n = 14;
    try {
        creation(usual, standard(50), pinned)();
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        const std::string message = error.what();
        const auto at = message.find("at most ");
        ASSERT_NE(at, std::string::npos) << message;
        const int advised = std::stoi(message.substr(at + 8));
        pinned.memory_limit_bytes = 1e12;
        EXPECT_NO_THROW(creation(usual, standard(advised), pinned)()) << message;
        EXPECT_TRUE(throws(bad, {"at most"}, creation(usual, standard(advised + 1), pinned)));
    }
}

TEST(TrainingPlan, LimitsOfMemoryAndCiphertexts) {
    constexpr auto bad = ErrorCode::bad_input;
    PlanOptions options;
    options.memory_limit_bytes = 5e7;
    EXPECT_TRUE(throws(bad, {"128 samples", "401 features", "10 classes", "GB", "0.05 GB"},
                       creation(usual, standard(2), options)));
    options.memory_limit_bytes = 5.5e9;
    const TrainingPlan free = TrainingPlan::create(usual, standard(2), options);
    for (const std::size_t most : {2U, 5U, 20U}) {
        options.most_ciphertexts = most;
        const TrainingPlan plan = TrainingPlan::create(usual, standard(2), options);
        EXPECT_LE(plan.upload_ciphertexts(), most);
    }
    options.most_ciphertexts = 1;  // features and labels are two
    EXPECT_TRUE(
        throws(bad, {"2 ciphertexts", "limit is 1"}, creation(usual, standard(2), options)));
    EXPECT_GE(free.upload_ciphertexts(), 2U);
}

TEST(TrainingPlan, OptionsAndShapesOutOfRange) {
    constexpr auto bad = ErrorCode::invalid_argument;
    PlanOptions options;
    for (const unsigned log_n : {1U, 8U, 11U, 18U}) {
        options.log_n = log_n;
        EXPECT_TRUE(
            throws(bad, {"log_n", std::to_string(log_n)}, creation(usual, standard(1), options)));
    }
    options.log_n = 0;
    for (const unsigned bits : {1U, 31U, 46U}) {
        options.scale_bits = bits;
        EXPECT_TRUE(
            throws(bad, {"32 to 45", std::to_string(bits)}, creation(usual, standard(1), options)));
    }
    options.scale_bits = 0;
    for (const double largest : {0.0, 0.99, 0x1.1p24, std::nan("")}) {
        options.largest_state = largest;
        EXPECT_TRUE(throws(bad, {"largest state"}, creation(usual, standard(1), options)));
    }
    EXPECT_TRUE(throws(bad, {"0"}, creation({0, 5, 2}, standard(1))));
    EXPECT_TRUE(throws(bad, {"0"}, creation({5, 0, 2}, standard(1))));
    EXPECT_TRUE(throws(bad, {"0"}, creation({5, 5, 0}, standard(1))));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"1000", "5 there are"}, [&] {
        Recipe batched = standard(1);
        batched.batch = 1000;
        creation({5, 5, 2}, batched)();
    }));
    Recipe recipe = standard(2);
    recipe.iterations = 0;
    EXPECT_TRUE(throws(bad, {"iterations"}, creation(usual, recipe)));
    recipe = standard(2);
    recipe.etas[1] = 1.0;
    EXPECT_TRUE(throws(bad, {"eta", "iteration 2"}, creation(usual, recipe)));
    recipe = standard(2);
    recipe.sigmoid.odd[1] = 0.0;
    EXPECT_TRUE(throws(bad, {"degree 3"}, creation(usual, recipe)));
    recipe = standard(2, 7);
    recipe.sigmoid.odd[1] = 0.0;
    EXPECT_TRUE(throws(bad, {"degree 7", "cubic"}, creation(usual, recipe)));
}

TEST(TrainingPlan, ScaleBitsAreKept) {
    for (const unsigned bits : {32U, 37U, 45U}) {
        PlanOptions options = small_options();
        options.scale_bits = bits;
        const TrainingPlan plan = TrainingPlan::create({10, 10, 3}, standard(2), options);
        EXPECT_EQ(plan.scale_bits(), bits);
        EXPECT_NEAR(std::log2(static_cast<double>(plan.parameters().q(1))), bits, 0.01);
    }
}

TEST(TrainingPlan, FactorsAndKeysFollowTheRecipe) {
    const TrainingPlan plan = TrainingPlan::create({20, 30, 4}, standard(3), small_options());
    for (int t = 0; t < 3; ++t) {
        const auto i = static_cast<std::size_t>(t);
        EXPECT_EQ(gradient_factor(plan.recipe(), t),
                  plan.recipe().steps[i] * (1 - plan.recipe().etas[i]));
    }
    Recipe at_main = standard(3);
    at_main.gradient_at = ModelSequence::main;
    EXPECT_EQ(
        gradient_factor(TrainingPlan::create({20, 30, 4}, at_main, small_options()).recipe(), 2),
        8.0);
    // Relinearisation where it is first needed: features times errors at the top.
    EXPECT_EQ(plan.keys().levels().at(KeyId::relinearization()),
              static_cast<std::size_t>(plan.levels()[0].backward));
    // One iteration from zero multiplies no model.
    const TrainingPlan one = TrainingPlan::create({20, 30, 4}, standard(1), small_options());
    EXPECT_LT(one.keys().levels().size(), plan.keys().levels().size());
}

}  // namespace
}  // namespace cipherfit
