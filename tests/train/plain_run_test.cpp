#include "cipherfit/solver/owner/plain_run.h"

#include "cipherfit/solver/owner/refresh_range.h"
#include "solver/dual/owner/dual_twin.h"
#include "support/training_run.h"

#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

constexpr TrainingShape plain_shape{.samples = 20, .features = 9, .classes = 3};

Recipe recipe_of(int iterations) {
    Recipe recipe = standard_recipe(iterations, 1.8, fit_sigmoid(3, 8));
    recipe.decay = 0.01;
    return recipe;
}

std::vector<RowMatrix> visited(const PlainRun& run) {
    std::vector<RowMatrix> states;
    run.visit([&](int t, const RowMatrix& main, const RowMatrix& extrapolated) {
        EXPECT_EQ(static_cast<std::size_t>(t), states.size() / 2);
        states.push_back(main);
        states.push_back(extrapolated);
    });
    return states;
}

// Every visit shows what the twin shows, whether states are kept or made again.
TEST(PlainRun, VisitsShowTheTwinsStates) {
    const Recipe recipe = recipe_of(7);
    const PreparedData data = test::synthetic_data(plain_shape, recipe, 3);
    std::vector<RowMatrix> primal;
    const TwinResult twin = run_twin(data, recipe, nullptr, [&](const TwinIteration& after) {
        primal.push_back(after.main);
        primal.push_back(after.extrapolated);
    });
    std::vector<RowMatrix> dual;
    const StateRun dual_twin =
        run_dual_twin(data, recipe, nullptr,
                      [&](int /*t*/, const RowMatrix& main, const RowMatrix& extrapolated) {
                          dual.push_back(main);
                          dual.push_back(extrapolated);
                      });
    for (const double kept_bytes : {0.0, PlainRun::default_kept_bytes}) {
        const PlainRun weights("primal", borrowed(data), recipe, kept_bytes);
        EXPECT_EQ(weights.max_abs_z(), twin.max_abs_z);
        EXPECT_EQ(weights.largest_abs_z(), twin.largest_abs_z());
        EXPECT_EQ(weights.max_abs_held(), twin.max_abs_held);
        EXPECT_EQ(weights.max_abs_state(), twin.max_abs_state);
        EXPECT_EQ(weights.model(), twin.model());
        EXPECT_EQ(visited(weights), primal);
        EXPECT_EQ(visited(weights), primal);
        const PlainRun coefficients("dual", borrowed(data), recipe, kept_bytes);
        EXPECT_EQ(visited(coefficients), dual);
        EXPECT_EQ(visited(coefficients), dual);
        EXPECT_EQ(coefficients.max_abs_held(), dual_twin.max_abs_held);
        EXPECT_EQ(coefficients.model(), model_of(dual_twin.main, data));
        double carried = 0;
        for (const RowMatrix& state : dual) {
            carried = std::max(carried, (gram_matrix(data) * state).cwiseAbs().maxCoeff());
        }
        EXPECT_NEAR(largest_carried_logit(coefficients), carried, 1e-12 * carried);
    }
}

// A kept run is not run again: what it is asked later does not change with the data behind it.
TEST(PlainRun, KeptStatesAreNotMadeAgain) {
    const Recipe recipe = recipe_of(5);
    PreparedData data = test::synthetic_data(plain_shape, recipe, 4);
    const PlainRun kept("primal", borrowed(data), recipe);
    const PlainRun made_again("primal", borrowed(data), recipe, 0.0);
    const auto before = visited(kept);
    EXPECT_EQ(visited(made_again), before);
    data.y.setZero();
    EXPECT_EQ(visited(kept), before);
    EXPECT_NE(visited(made_again), before);
}

}  // namespace
}  // namespace cipherfit
