// Many classes and features: plans of the size of real image collections, where the layouts end,
// and a run of many classes in mini-batches on a small ring.
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/train/cost.h"
#include "support/errors.h"
#include "support/noise_bounds.h"
#include "support/small_rings.h"
#include "support/solvers.h"
#include "support/stable_step.h"
#include "support/training_run.h"

#include <cmath>
#include <cstdlib>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::stable_step;
using test::throws;
using test::TrainingRun;

TEST(ManyClasses, PlanOfAHundredClassesAndThousandsOfFeatures) {
    if (test::small_rings()) {
        GTEST_SKIP() << "plans of full size are left out: CIPHERFIT_SMALL_RINGS is set";
    }
    const TrainingShape shape{.samples = 20'000, .features = 4096, .classes = 100, .heads = 100};
    Recipe recipe = standard_recipe(40, 4, fit_sigmoid(3, 12), Momentum::none);
    recipe.batch = 512;
    PlanOptions options;
    options.memory_limit_bytes = 64e9;
    const TrainingPlan plan = TrainingPlan::create(shape, recipe, options);
    EXPECT_EQ(plan.shape(), shape);
    EXPECT_EQ(plan.solver().name(), "primal");
    EXPECT_EQ(plan.parameters().security_bits(), 128U);
    EXPECT_EQ(plan.row_files(), 40U);  // 39 of 512 rows, and 32
    EXPECT_GE(plan.refresh_count(), 1U);
    const LaneLayout& layout = primal_solver(plan).layout();
    EXPECT_EQ(layout.samples(), 512U);
    EXPECT_EQ(layout.features(), 4096U);
    EXPECT_GE(layout.classes() * primal_solver(plan).class_groups(), 100U);
    EXPECT_LT(layout.classes() * (primal_solver(plan).class_groups() - 1), 100U);
    EXPECT_GE(layout.feature_blocks() * layout.features_per_block(), 4096U);
    EXPECT_GE(layout.sample_blocks() * layout.rows(), 512U);
    EXPECT_EQ(plan.upload_ciphertexts(),
              40 * (test::message(plan, "features").count + test::message(plan, "labels").count));
    const PlanCost cost = plan_cost(plan);
    for (const double figure :
         {cost.evaluation_key_bytes, cost.evaluation_key_memory_bytes, cost.upload_bytes,
          cost.download_bytes, cost.peak_memory_bytes, cost.preparation.limb_transforms,
          cost.iterations.limb_transforms}) {
        EXPECT_TRUE(std::isfinite(figure));
    }
    EXPECT_GT(cost.iterations.limb_transforms, 0);
    EXPECT_LE(cost.peak_memory_bytes, options.memory_limit_bytes);
    const auto again = TrainingPlan::from_json(plan.to_json());
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->hash(), plan.hash());
}

// A row of slots holds two blocks of classes, and a block has a row for every class: 2 c'^2 slots,
// of which the largest ring has 2^16. So a thousand classes are trained in groups; or in the dual,
// which needs a slot for every class of every sample.
TEST(ManyClasses, AThousandArePlannedInGroups) {
    if (test::small_rings()) {
        GTEST_SKIP() << "plans of full size are left out: CIPHERFIT_SMALL_RINGS is set";
    }
    Recipe recipe = standard_recipe(40, 4, fit_sigmoid(3, 12), Momentum::none);
    recipe.batch = 512;
    PlanOptions options;
    options.memory_limit_bytes = 64e9;
    const TrainingPlan plan = TrainingPlan::create(
        {.samples = 20'000, .features = 4096, .classes = 1000}, recipe, options);
    EXPECT_EQ(plan.parameters().security_bits(), 128U);
    EXPECT_GE(primal_solver(plan).class_groups(), 8U);
    EXPECT_LE(primal_solver(plan).layout().padded_classes(), 128U);
    EXPECT_GE(primal_solver(plan).layout().classes() * primal_solver(plan).class_groups(), 1000U);
    EXPECT_EQ(plan.state_ciphertexts(),
              primal_solver(plan).class_groups() * primal_solver(plan).layout().feature_blocks());
    EXPECT_LE(plan_cost(plan).peak_memory_bytes, options.memory_limit_bytes);
    const auto again = TrainingPlan::from_json(plan.to_json());
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->hash(), plan.hash());
    const TrainingPlan few =
        TrainingPlan::create({.samples = 32, .features = 4096, .classes = 1000},
                             standard_recipe(4, 4, fit_sigmoid(3, 12)));
    EXPECT_EQ(few.parameters().security_bits(), 128U);
    EXPECT_TRUE(std::isfinite(plan_cost(few).peak_memory_bytes));
}

// The bound as in refresh_test.cpp.
TEST(ManyClasses, FortyClassesOfThreeHundredFeaturesFollowTheTwin) {
    if (test::small_rings()) {
        GTEST_SKIP() << "a ring of 2^14 is left out: CIPHERFIT_SMALL_RINGS is set";
    }
    const TrainingShape shape{.samples = 90, .features = 300, .classes = 40};
    Recipe recipe = standard_recipe(4, stable_step, fit_sigmoid(3, 8));
    recipe.batch = 40;  // 40, 40 and 10 rows, and the first again
    recipe.decay = 0.03;
    PlanOptions options;
    options.solver = "primal";
    options.log_n = 14;  // of which 40 classes need 2 * 64 * 64 slots
    options.memory_limit_bytes = 1e12;
    options.insecure_for_tests_only = true;
    const TrainingRun run(shape, recipe, options, 9);
    ASSERT_EQ(run.plan.row_files(), 3U);
    ASSERT_GT(primal_solver(run.plan).layout().feature_blocks(), 1U);
    EncryptedTrainer trainer(run.plan, run.keys,
                             [&run](std::size_t batch) { return run.upload(batch); });
    TrainingState state;
    while (state.iteration < recipe.iterations) {
        state = trainer.step(state);
    }
    const std::vector<double> values = run.decrypt(trainer.model(state));
    const RowMatrix model = Eigen::Map<const RowMatrix>(values.data(), 40, 300);
    const RowMatrix twin = run_twin(run.prepared, recipe).model();
    const double bound = test::state_error_bound(run.plan, run.prepared);
    EXPECT_LT((model - twin).cwiseAbs().maxCoeff(), bound);
    EXPECT_GT((model - twin).cwiseAbs().maxCoeff(), 0);
    EXPECT_LT(bound, 1e-2 * twin.cwiseAbs().maxCoeff());
}

}  // namespace
}  // namespace cipherfit
