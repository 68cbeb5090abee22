#include "cipherfit/train/owner/head.h"

#include "train/oracle/test_data.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Dataset;
using test::synthetic;

TEST(Head, FoldsScalingCentringAndStartIntoRawWeights) {
    const Dataset data = synthetic(20, 6, 3, 0.5, 1);
    const Dataset other = synthetic(8, 6, 3, 2.0, 2);
    const RowMatrix state = synthetic(3, 7, 3, 5.0, 3).features;
    for (const auto preset : {Preset::standard, Preset::chiang2023}) {
        const Preprocessing fitted = fit_preprocessing(data.features, preset);
        Recipe recipe = preset == Preset::standard ? standard_recipe(2, 8.0, fit_sigmoid(3, 12.0))
                                                   : chiang2023_recipe(2, 20);
        const Head head = finish_model(state, fitted, recipe);
        // The definition: scores of the design matrix under W = W_0 + state D.
        const RowMatrix w = RowMatrix::Constant(3, 7, recipe.initial_weight) +
                            state * fitted.column_scale.asDiagonal();
        const RowMatrix expected = fitted.design(other.features) * w.transpose();
        const double size = expected.cwiseAbs().maxCoeff();
        EXPECT_LT((head.scores(other.features) - expected).cwiseAbs().maxCoeff(), 1e-13 * size);
        EXPECT_LT((unscaled_weights(state, fitted, recipe) - w).cwiseAbs().maxCoeff(),
                  1e-14 * size);
        EXPECT_EQ(head.class_names, (std::vector<std::string>{"0", "1", "2"}));
    }
}

// A single head's logit is the difference of two rows, and the softmax of these its sigmoid.
TEST(Head, OfOneLogitHasTwoRowsThatMirrorEachOther) {
    const Dataset data = synthetic(20, 6, 2, 0.5, 1);
    const RowMatrix state = synthetic(1, 7, 1, 5.0, 3).features;
    const Recipe recipe = standard_recipe(2, 8.0, fit_sigmoid(3, 12.0));
    const Preprocessing fitted = fit_preprocessing(data.features, recipe.preset);
    const Head head = finish_model(state, fitted, recipe, {"no", "yes"});
    ASSERT_EQ(head.classes(), 2);
    EXPECT_EQ(head.weights.row(0), -head.weights.row(1));
    const RowMatrix scores = head.scores(data.features);
    const RowMatrix logits = fitted.scaled(data.features) * state.transpose();
    const std::vector<int> predicted = head.predict(data.features);
    for (Eigen::Index i = 0; i < logits.rows(); ++i) {
        const double z = logits(i, 0);
        EXPECT_NEAR(scores(i, 1) - scores(i, 0), z, 1e-12 * logits.cwiseAbs().maxCoeff());
        const double softmax =
            std::exp(scores(i, 1)) / (std::exp(scores(i, 0)) + std::exp(scores(i, 1)));
        EXPECT_NEAR(softmax, 1 / (1 + std::exp(-z)), 1e-12);
        EXPECT_EQ(predicted[static_cast<std::size_t>(i)], z > 0 ? 1 : 0);
    }
    EXPECT_THROW(finish_model(state, fitted, recipe, {"one"}), Error);
}

TEST(Head, PredictsTheLargestScoreAndTheLowestClassOnATie) {
    Head head;
    head.weights.resize(3, 2);
    head.weights << 0.0, 1.0, 0.0, 1.0, 2.0, -1.0;
    RowMatrix rows(3, 1);
    rows << 0.0, 3.0, 1.0;
    EXPECT_EQ(head.predict(rows), (std::vector<int>{2, 0, 0}));
    const Eigen::VectorXd margins = head.margins(rows);
    EXPECT_EQ(margins(0), 2.0);
    EXPECT_EQ(margins(1), 0.0);
    EXPECT_EQ(margins(2), 0.0);
    EXPECT_EQ(head.accuracy(rows, std::vector<int>{2, 1, 0}), 2.0 / 3.0);
}

TEST(Head, RefusesWhatDoesNotFit) {
    const Dataset data = synthetic(5, 3, 2, 0.5, 4);
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    const Recipe recipe = standard_recipe(2, 8.0, fit_sigmoid(3, 12.0));
    EXPECT_THROW(finish_model(RowMatrix::Zero(2, 5), fitted, recipe), Error);
    EXPECT_THROW(finish_model(RowMatrix::Zero(2, 4), fitted, recipe, {"only"}), Error);
    RowMatrix diverged = RowMatrix::Zero(2, 4);
    diverged(1, 1) = std::numeric_limits<double>::infinity();
    EXPECT_THROW(finish_model(diverged, fitted, recipe), Error);
    const Head head = finish_model(RowMatrix::Zero(2, 4), fitted, recipe, {"no", "yes"});
    EXPECT_EQ(head.class_names[1], "yes");
    EXPECT_THROW(head.scores(RowMatrix::Zero(1, 4)), Error);
    EXPECT_THROW(head.accuracy(data.features, std::vector<int>{0}), Error);
    EXPECT_THROW(head.accuracy(RowMatrix::Zero(0, 3), std::vector<int>{}), Error);
}

}  // namespace
}  // namespace cipherfit
