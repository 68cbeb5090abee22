// Runs over all rows whose rows come in several files: the twin's model, in less memory.
#include "cipherfit/train/cost.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/small_plans.h"
#include "support/stable_step.h"
#include "support/training_run.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr TrainingShape three_blocks{.samples = 150, .features = 40, .classes = 4};

Recipe recipe_in(int parts, int iterations) {
    Recipe recipe = standard_recipe(iterations, test::stable_step, fit_sigmoid(3, 8));
    recipe.parts = parts;
    return recipe;
}

RowMatrix trained(const test::TrainingRun& run) {
    EncryptedTrainer trainer(run.plan, run.keys,
                             [&run](std::size_t file) { return run.upload(file); });
    TrainingState state;
    while (state.iteration < run.plan.recipe().iterations) {
        state = trainer.step(state);
    }
    const std::vector<double> values = run.decrypt(trainer.model(state));
    return Eigen::Map<const RowMatrix>(values.data(), 4, 40);
}

// All have the same noise but for roundings, which are added up before the last one and vanish in
// it: the bound is that of one file.
TEST(Parts, EndWithTheTwinsModelHoweverManyThereAre) {
    for (const int parts : {2, 4, 150}) {
        SCOPED_TRACE(parts);
        const test::TrainingRun run(three_blocks, recipe_in(parts, 3), test::small_options(9), 3);
        ASSERT_EQ(run.plan.row_files(), static_cast<std::size_t>(parts));
        const RowMatrix model = trained(run);
        const RowMatrix twin = run_twin(run.prepared, run.plan.recipe()).model();
        const double bound = test::state_error_bound(run.plan, run.prepared);
        EXPECT_LT((model - twin).cwiseAbs().maxCoeff(), bound);
        EXPECT_GT((model - twin).cwiseAbs().maxCoeff(), 0);
        EXPECT_LT(bound, 1e-2 * twin.cwiseAbs().maxCoeff());
    }
}

TEST(Parts, HoldEveryRowOnceAndInOrder) {
    for (const std::size_t samples : {1U, 7U, 9U, 10U, 4096U, 5000U}) {
        for (const int parts : {1, 2, 3, 4, 64, most_parts}) {
            const Recipe recipe = recipe_in(parts, 1);
            const std::size_t files = row_files(recipe, samples);
            EXPECT_LE(files, static_cast<std::size_t>(parts));
            std::size_t next = 0;
            for (std::size_t file = 0; file < files; ++file) {
                const BatchRows rows = file_rows(recipe, samples, file);
                EXPECT_EQ(rows.first, next);
                EXPECT_GE(rows.count, 1U);
                EXPECT_LE(rows.count, rows_per_file(recipe, samples));
                next += rows.count;
            }
            EXPECT_EQ(next, samples);
        }
    }
}

TEST(Parts, AreInTheRecipesJsonWhereThereAreSeveral) {
    const Recipe several = recipe_in(5, 2);
    EXPECT_EQ(recipe_from_json(to_json(several)), several);
    EXPECT_FALSE(to_json(recipe_in(1, 2)).contains("parts"));
    nlohmann::json json = to_json(several);
    for (const nlohmann::json& wrong :
         {nlohmann::json(0), nlohmann::json(4097), nlohmann::json(1.5), nlohmann::json("2")}) {
        json["parts"] = wrong;
        EXPECT_FALSE(recipe_from_json(json).has_value()) << wrong;
    }
    Recipe batches = several;
    batches.batch = 10;
    EXPECT_FALSE(check(batches).has_value());
}

TEST(Parts, AreForThePrimalSolver) {
    PlanOptions options = test::small_options(9);
    options.solver = "dual";
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"parts"}, [&] {
        TrainingPlan::create(three_blocks, recipe_in(2, 3), options);
    }));
}

TEST(Parts, NeedLessMemoryThanAllRowsTogether) {
    const TrainingShape tall{.samples = 3000, .features = 60, .classes = 4};
    const auto peak = [&](int parts) {
        return plan_cost(TrainingPlan::create(tall, recipe_in(parts, 2), test::small_options(9)))
            .peak_memory_bytes;
    };
    EXPECT_LT(peak(8), 0.5 * peak(1));
    EXPECT_EQ(TrainingPlan::create(tall, recipe_in(8, 2), test::small_options(9)).levels().size(),
              2U);
}

}  // namespace
}  // namespace cipherfit
