// Plans as JSON: they come back as they were, and nothing else is taken for one.
#include "cipherfit/train/cost.h"
#include "cipherfit/train/plan.h"
#include "support/property.h"
#include "support/small_plans.h"
#include "support/solvers.h"

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;
using test::holds;
using test::pick;
using test::small_options;
using test::standard;

TEST(TrainingPlan, JsonRoundTripKeepsTheHash) {
    EXPECT_TRUE(holds("json", 20, [] {
        const TrainingShape shape{.samples = pick<std::size_t>(1, 200),
                                  .features = pick<std::size_t>(1, 200),
                                  .classes = pick<std::size_t>(1, 9)};
        const Recipe recipe = pick(0, 2) == 0 ? standard(pick(1, 4), 2 * pick(0, 4) + 1)
                                              : chiang2023_recipe(pick(1, 4), 50);
        const TrainingPlan plan = TrainingPlan::create(shape, recipe, small_options());
        const std::string text = plan.to_json().dump();
        const auto back = TrainingPlan::from_json(json::parse(text));
        if (!back) {
            RC_FAIL(back.error().message);
        }
        RC_ASSERT(back->hash() == plan.hash());
        RC_ASSERT(back->to_json().dump() == text);
        RC_ASSERT(back->parameters() == plan.parameters());
        RC_ASSERT(back->recipe() == plan.recipe());
        RC_ASSERT(back->keys().levels() == plan.keys().levels());
        RC_ASSERT(test::message(*back, "labels").scale == test::message(plan, "labels").scale);
        // Planning again gives the same plan.
        RC_ASSERT(TrainingPlan::create(shape, recipe, small_options()).hash() == plan.hash());
        TrainingShape other = shape;
        ++other.samples;
        RC_ASSERT(TrainingPlan::create(other, recipe, small_options()).hash() != plan.hash());
    }));
}

// Every place of a JSON value, for mutations.
void visit(json& value, const std::function<void(json&)>& at) {
    at(value);
    if (value.is_structured()) {
        for (auto& child : value) {
            visit(child, at);
        }
    }
}

// Every value of the plan in turn becomes every `stride`-th of the poisons.
void expect_errors_or_exact_plans(const json& valid, std::size_t stride) {
    std::size_t places = 0;
    json counted = valid;
    visit(counted, [&](json&) { ++places; });
    const std::vector<json> poison{nullptr,
                                   true,
                                   false,
                                   0,
                                   1,
                                   2,
                                   3,
                                   16,
                                   -1,
                                   0.5,
                                   -1e308,
                                   1e308,
                                   std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::uint64_t>::max(),
                                   std::uint64_t{1} << 32U,
                                   std::uint64_t{1} << 50U,
                                   "",
                                   "main",
                                   json::array(),
                                   json::object(),
                                   json::array({1, 2, 3})};
    std::size_t accepted = 0;
    const auto read = [&](const json& mutated) {
        const auto result = TrainingPlan::from_json(mutated);  // never throws
        if (result) {
            ++accepted;
            EXPECT_EQ(result->to_json(), mutated);
            EXPECT_TRUE(result->parameters().insecure_for_tests_only() ||
                        result->parameters().security_bits() == 128);
        } else {
            EXPECT_TRUE(result.error().code == ErrorCode::corrupt_data ||
                        result.error().code == ErrorCode::insecure_parameters)
                << result.error().message;
            EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
        }
    };
    for (std::size_t place = 0; place < places; ++place) {
        for (std::size_t i = place % stride; i < poison.size(); i += stride) {
            const json& bad = poison[i];
            json mutated = valid;
            std::size_t index = 0;
            visit(mutated, [&](json& value) {
                if (index++ == place) {
                    value = bad;
                }
            });
            read(mutated);
        }
    }
    EXPECT_GT(accepted, 0U);  // such as another number of samples: what it says is what it is
    for (auto it = valid.begin(); it != valid.end(); ++it) {
        json without = valid;
        without.erase(it.key());
        EXPECT_FALSE(TrainingPlan::from_json(without)) << it.key();
    }
    json more = valid;
    more["comment"] = "hello";
    EXPECT_FALSE(TrainingPlan::from_json(more));
    more = valid;
    more["recipe"]["comment"] = 1;
    EXPECT_FALSE(TrainingPlan::from_json(more));
}

TEST(TrainingPlan, HostileJsonIsAnErrorOrExactlyWhatItSays) {
    expect_errors_or_exact_plans(
        TrainingPlan::create({20, 30, 4}, standard(2), small_options()).to_json(), 1);
}

TEST(TrainingPlan, HostileJsonOfLongRunsIsAnErrorOrExactlyWhatItSays) {
    PlanOptions options = small_options(10);
    options.refresh = PlanOptions::Refresh::always;
    options.refresh_range = 4;
    Recipe batched = standard(6);
    batched.batch = 7;
    expect_errors_or_exact_plans(TrainingPlan::create({20, 30, 4}, batched, options).to_json(), 4);
    options.solver = "dual";
    expect_errors_or_exact_plans(TrainingPlan::create({20, 30, 4}, standard(6), options).to_json(),
                                 4);
}

TEST(TrainingPlan, SecurityCannotBeEditedAway) {
    // A small test ring that claims to be a real one.
    json small = TrainingPlan::create({20, 30, 4}, standard(2), small_options(12)).to_json();
    small["insecure_for_tests_only"] = false;
    const auto result = TrainingPlan::from_json(small);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::insecure_parameters);
    EXPECT_NE(result.error().message.find("128-bit"), std::string::npos);
    // A chain too short for its recipe.
    json shorter = TrainingPlan::create({20, 30, 4}, standard(2), small_options()).to_json();
    shorter["recipe"]["iterations"] = 3;
    shorter["recipe"]["steps"].push_back(8);
    shorter["recipe"]["etas"].push_back(0);
    EXPECT_FALSE(TrainingPlan::from_json(shorter));
}

// Nothing that the server does depends on the number of features then.
TEST(Plan, TellsNoFeaturesWhereTheOwnerMakesTheGramMatrix) {
    PlanOptions options;
    options.solver = "dual";
    const Recipe recipe = standard_recipe(3, 4, fit_sigmoid(3, 12));
    const TrainingShape shape{64, 401, 3, 3};
    const TrainingPlan plan = TrainingPlan::create(shape, recipe, options);
    const nlohmann::json told = plan.to_json();
    EXPECT_FALSE(plan.tells_features());
    EXPECT_FALSE(told.contains("features"));
    const TrainingPlan narrow = TrainingPlan::create({64, 17, 3}, recipe, options);
    EXPECT_EQ(narrow.to_json(), told);
    EXPECT_EQ(narrow.hash(), plan.hash());

    const auto read = TrainingPlan::from_json(told);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->shape().features, 0U);
    EXPECT_EQ(read->hash(), plan.hash());
    EXPECT_EQ(read->with_features(401).shape(), shape);
    EXPECT_EQ(read->with_features(401).hash(), plan.hash());
    EXPECT_EQ(plan_cost(*read).upload_bytes, plan_cost(plan).upload_bytes);

    // Earlier versions named them: such plans keep their hash, to which their files are bound.
    nlohmann::json earlier = told;
    earlier["features"] = 401U;
    const auto old = TrainingPlan::from_json(earlier);
    ASSERT_TRUE(old) << old.error().message;
    EXPECT_EQ(old->shape(), shape);
    EXPECT_EQ(old->to_json(), earlier);
    EXPECT_NE(old->hash(), plan.hash());
    earlier["features"] = 0U;
    EXPECT_FALSE(TrainingPlan::from_json(earlier));

    options.gram = GramSource::server;
    nlohmann::json server = TrainingPlan::create(shape, recipe, options).to_json();
    EXPECT_EQ(server.at("features"), 401);
    server.erase("features");
    EXPECT_FALSE(TrainingPlan::from_json(server));
    options = {};
    options.solver = "primal";
    nlohmann::json primal = TrainingPlan::create(shape, recipe, options).to_json();
    EXPECT_EQ(primal.at("features"), 401);
    primal.erase("features");
    EXPECT_FALSE(TrainingPlan::from_json(primal));
}

}  // namespace
}  // namespace cipherfit
