// Recipes with an eta near 1: U is then held at a scale, and goes through a bootstrapping with a
// factor, that its entries alone do not tell.
#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/solver/owner/refresh_range.h"
#include "cipherfit/train/operation_noise.h"
#include "cipherfit/train/owner/twin.h"
#include "protocol/small_job.h"
#include "support/errors.h"
#include "support/noise_bounds.h"

#include <cmath>

namespace cipherfit::testing {
namespace {

constexpr int iterations = 5;
constexpr double eta = 0.9;

Recipe recipe_at(ModelSequence gradient_at) {
    Recipe recipe = standard_recipe(iterations, 1.8, fit_sigmoid(3, 8));
    for (int t = 1; t < iterations; ++t) {
        recipe.etas[static_cast<std::size_t>(t)] = eta;
    }
    recipe.gradient_at = gradient_at;
    return recipe;
}

SmallJob job_for(const Recipe& recipe, double largest) {
    PlanOptions options = SmallJob::refreshed_options("primal");
    options.refresh_range = 1.25 * largest;  // as make_owner_setup() has it
    return {recipe, 1, options};
}

OwnerSetup setup_of(const SmallJob& small) {
    return {small.job.plan, small.preprocessing, {"a", "b", "c"}, {}, 1};
}

using PositiveEtaTest = FileTest;

TEST_F(PositiveEtaTest, BootstrappedRunsHaveRoomForBothSequences) {
    for (const ModelSequence at : {ModelSequence::main, ModelSequence::extrapolated}) {
        SCOPED_TRACE(name(at));
        const Recipe recipe = recipe_at(at);
        const TwinResult twin = run_twin(job_for(recipe, 1).data, recipe);
        ASSERT_GT(twin.max_abs_held, 4 * twin.max_abs_state);

        const SmallJob wide = job_for(recipe, twin.max_abs_held);
        ASSERT_GT(wide.job.plan.refresh_count(), 0U);
        OwnerSetup narrow = setup_of(wide);
        // As much as M and U have without the factor.
        narrow.plan = narrow.plan.with_refresh_range(
            (1 - eta) * largest_refreshed_coefficient(narrow.plan, wide.data));
        EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"coefficients"}, [&] {
            static_cast<void>(make_twin_reference(narrow, wide.data));
        }));
        static_cast<void>(make_twin_reference(setup_of(wide), wide.data));
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        const JobFiles files{directory_};
        wide.write(files);
        TrainingOptions options;
        options.tests = TestParameters::allow;
        train(directory_, options);
        const auto model = read_model(files.model(), wide.job);
        ASSERT_TRUE(model) << model.error().message;
        const RowMatrix state = values(decrypt_model(wide.job, wide.key, *model, wide.data.xs));
        const double bound = test::state_error_bound(wide.job.plan, wide.data);
        EXPECT_LT((state - twin.model()).cwiseAbs().maxCoeff(), bound);
        EXPECT_LT(bound, 1e-2 * twin.model().cwiseAbs().maxCoeff());
    }
}

// Where gradients are taken at U, M's scale is 1 - eta of the plan's, and so coarser.
TEST_F(PositiveEtaTest, RoundingsAreThoseOfTheSmallestScale) {
    const SmallJob small = job_for(recipe_at(ModelSequence::extrapolated), 10);
    const double rounding =
        rounding_error(small.job.plan.parameters(), small.job.plan.state_scale());
    EXPECT_NEAR(modelled_noise(small.job.plan).state_std, rounding / (1 - eta), 1e-9 * rounding);
    const SmallJob usual(standard_recipe(iterations, 1.8, fit_sigmoid(3, 8)));
    EXPECT_NEAR(modelled_noise(usual.job.plan).state_std,
                2 * rounding_error(usual.job.plan.parameters(), usual.job.plan.state_scale()),
                1e-9 * rounding);
}

}  // namespace
}  // namespace cipherfit::testing
