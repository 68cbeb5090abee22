// Two classes as one head of one logit: data, twin and plan.
#include "cipherfit/train/owner/twin.h"
#include "cipherfit/train/plan.h"
#include "solver/dual/owner/dual_twin.h"
#include "support/errors.h"
#include "support/solvers.h"
#include "train/oracle/test_data.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;
using test::Dataset;
using test::synthetic;
using test::throws;

PlanOptions small_options(std::string_view solver = "primal") {
    PlanOptions options;
    options.solver = solver;
    options.log_n = 9;
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    options.refresh = PlanOptions::Refresh::never;
    return options;
}

// From a zero start the two heads of two classes mirror each other, whatever the recipe: one is
// enough. From another start they do not.
TEST(Heads, OneIsTheSecondOfTwoThatMirrorEachOther) {
    const Dataset data = synthetic(24, 9, 2, 0.6, 5);
    for (const int degree : {1, 3, 7}) {
        Recipe recipe = standard_recipe(5, 4.0, fit_sigmoid(degree, 12.0));
        recipe.decay = 0.01;
        ASSERT_EQ(trained_heads(2, recipe), 1U);
        const Preprocessing fitted = fit_preprocessing(data.features, recipe.preset);
        const PreparedData one = prepare(data.features, data.labels, 2, fitted, recipe);
        const PreparedData two = prepare(data.features, data.labels, 2, fitted, recipe, 2);
        ASSERT_EQ(one.heads(), 1);
        ASSERT_EQ(two.heads(), 2);
        const RowMatrix single = run_twin(one, recipe).model();
        const RowMatrix both = run_twin(two, recipe).model();
        const double size = both.cwiseAbs().maxCoeff();
        EXPECT_LT((both.row(0) + both.row(1)).cwiseAbs().maxCoeff(), 1e-13 * size);
        EXPECT_LT((both.row(1) - single).cwiseAbs().maxCoeff(), 1e-13 * size);
        const StateRun dual = run_dual_twin(one, recipe);
        EXPECT_LT((model_of(dual.main, one) - single).cwiseAbs().maxCoeff(), 1e-12 * size);
    }
    const Recipe preset = chiang2023_recipe(2, 24);
    EXPECT_EQ(trained_heads(2, preset), 2U);
    const Preprocessing fitted = fit_preprocessing(data.features, preset.preset);
    const PreparedData prepared = prepare(data.features, data.labels, 2, fitted, preset);
    ASSERT_EQ(prepared.heads(), 2);
    const RowMatrix model = run_twin(prepared, preset).model();
    EXPECT_GT((model.row(0) + model.row(1)).cwiseAbs().maxCoeff(),
              1e-6 * model.cwiseAbs().maxCoeff());
    EXPECT_EQ(trained_heads(3, standard_recipe(1, 1.0, fit_sigmoid(3, 8))), 3U);
}

// Two classes are one head, unless they start from a point that is not zero. Plans from before say
// nothing of heads and have one for every class.
TEST(Heads, TwoClassesAreOneHead) {
    const Recipe recipe = standard_recipe(3, 2.0, fit_sigmoid(3, 8));
    const TrainingPlan one = TrainingPlan::create({20, 30, 2}, recipe, small_options());
    EXPECT_EQ(one.shape().heads, 1U);
    EXPECT_EQ(one.to_json().at("heads"), 1);
    const TrainingPlan two = TrainingPlan::create({20, 30, 2, 2}, recipe, small_options());
    EXPECT_EQ(two.shape().heads, 2U);
    EXPECT_FALSE(two.to_json().contains("heads"));
    EXPECT_EQ(primal_solver(two).layout().padded_classes(), 2U);
    const auto back = TrainingPlan::from_json(two.to_json());
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->shape().heads, 2U);
    EXPECT_EQ(back->hash(), two.hash());
    EXPECT_EQ(
        TrainingPlan::create({20, 30, 2}, chiang2023_recipe(2, 20), small_options()).shape().heads,
        2U);
    for (const auto& [classes, heads] : {std::pair{2, 3}, std::pair{3, 1}, std::pair{3, 2}}) {
        const TrainingShape shape{20, 30, static_cast<std::size_t>(classes),
                                  static_cast<std::size_t>(heads)};
        EXPECT_TRUE(throws(
            ErrorCode::invalid_argument,
            {std::to_string(heads) + " heads for " + std::to_string(classes)},
            [&] { static_cast<void>(TrainingPlan::create(shape, recipe, small_options())); }));
        json forged = one.to_json();
        forged["classes"] = classes;
        forged["heads"] = heads;
        EXPECT_FALSE(TrainingPlan::from_json(forged).has_value());
    }
    json redundant = two.to_json();
    redundant["heads"] = 2;
    EXPECT_FALSE(TrainingPlan::from_json(redundant).has_value());
}

// A kernel that the server makes has its features in chunks of as many as there are heads.
TEST(Heads, KernelsOfTheServerHaveTwoHeadsAtLeast) {
    for (const KernelSource source : {KernelSource::owner, KernelSource::server}) {
        PlanOptions options = small_options("dual");
        options.kernel = source;
        const TrainingPlan plan =
            TrainingPlan::create({20, 30, 2}, standard_recipe(3, 2.0, fit_sigmoid(3, 8)), options);
        EXPECT_EQ(plan.shape().heads, 1U);
        EXPECT_EQ(dual_solver(plan).layout().padded_classes(),
                  source == KernelSource::owner ? 1U : 2U);
        const auto back = TrainingPlan::from_json(plan.to_json());
        ASSERT_TRUE(back.has_value());
        EXPECT_EQ(back->hash(), plan.hash());
        EXPECT_EQ(test::message(*back, "features").count, test::message(plan, "features").count);
    }
}

}  // namespace
}  // namespace cipherfit
