#include "cipherfit/train/owner/rehearse.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/owner/head.h"
#include "cipherfit/train/owner/twin.h"
#include "train/oracle/test_data.h"
#include "train/owner/rehearsal_folds.h"

#include <cmath>
#include <string>

#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Dataset;
using test::synthetic;

Rehearsal rehearse(const Dataset& data, const RehearsalOptions& options) {
    return cipherfit::rehearse(data.features, data.labels, data.classes, options);
}

struct Trained {
    Head head;
    double largest_abs_z = 0.0;
};

Trained train(const Dataset& data, const Recipe& recipe) {
    const Preprocessing fitted = fit_preprocessing(data.features, recipe.preset);
    const TwinResult twin =
        run_twin(prepare(data.features, data.labels, data.classes, fitted, recipe), recipe);
    return {finish_model(twin.model(), fitted, recipe), twin.largest_abs_z()};
}

TEST(Rehearse, ChoosesASafeCandidateOfItsGrid) {
    for (const int iterations : {1, 2, 5, 12}) {
        const Dataset data = synthetic(60, 90, 5, 0.8, 1);
        const Rehearsal r = rehearse(data, {.iterations = iterations});
        EXPECT_EQ(r.candidates.size(), 50U);
        EXPECT_EQ(r.recipe.iterations, iterations);
        EXPECT_EQ(r.recipe.steps.front(), r.chosen.step);
        EXPECT_EQ(r.recipe.sigmoid, fit_sigmoid(3, r.chosen.range));
        EXPECT_TRUE(r.chosen.in_range);
        EXPECT_TRUE(r.chosen.stable);
        EXPECT_LE(r.chosen.stability, 2.0 + 1e-9);
        // The run on all rows is one of those rehearsed: what it reaches, the twin in the
        // uncompressed coordinates reaches too.
        const double reached = train(data, r.recipe).largest_abs_z;
        EXPECT_LE(reached, r.chosen.max_abs_z + 1e-9);
        EXPECT_LE(reached, 0.95 * r.chosen.range);
        ASSERT_EQ(r.held_out.scores.rows(), 60);
        int right = 0;
        for (Eigen::Index i = 0; i < 60; ++i) {
            Eigen::Index best = 0;
            r.held_out.scores.row(i).maxCoeff(&best);
            right += best == r.held_out.labels[static_cast<std::size_t>(i)] ? 1 : 0;
        }
        EXPECT_DOUBLE_EQ(right / 60.0, r.chosen.accuracy);
        for (const auto& c : r.candidates) {
            EXPECT_GE(c.accuracy, 0.0);
            EXPECT_LE(c.accuracy, 1.0);
        }
    }
}

// The cross-entropy of two classes is that of the logit's sigmoid.
TEST(Rehearse, TwoClassesAreJudgedByTheSigmoidOfTheirLogit) {
    const Dataset data = synthetic(30, 5, 2, 1.0, 4);
    const RehearsalOptions options{.iterations = 4, .step = 2.0, .range = 12.0, .folds = 3};
    const Rehearsal r = rehearse(data, options);
    const auto problems = make_problems(data.features, data.labels, 2, 3, options.seed);
    double loss = 0;
    for (const RehearsalProblem& problem : problems) {
        if (problem.held_labels.empty()) {
            continue;
        }
        ASSERT_EQ(problem.data.heads(), 1);
        const RowMatrix z = problem.held_out * run_twin(problem.data, r.recipe).model().transpose();
        for (Eigen::Index i = 0; i < z.rows(); ++i) {
            const bool second = problem.held_labels[static_cast<std::size_t>(i)] == 1;
            loss += std::log1p(std::exp(second ? -z(i, 0) : z(i, 0)));
        }
    }
    EXPECT_NEAR(r.chosen.loss, loss / 30, 1e-9);
}

TEST(Rehearse, IsDeterministicForASeedWhateverTheThreads) {
    const Dataset data = synthetic(40, 30, 3, 1.0, 2);
    set_thread_count(1);
    const Rehearsal one = rehearse(data, {.iterations = 4, .seed = 11});
    set_thread_count(0);
    const Rehearsal all = rehearse(data, {.iterations = 4, .seed = 11});
    EXPECT_EQ(one.recipe, all.recipe);
    for (std::size_t i = 0; i < one.candidates.size(); ++i) {
        EXPECT_EQ(one.candidates[i].loss, all.candidates[i].loss);
        EXPECT_EQ(one.candidates[i].max_abs_z, all.candidates[i].max_abs_z);
    }
}

TEST(Rehearse, KeepsWhatIsPinned) {
    const Dataset data = synthetic(40, 30, 3, 1.0, 3);
    const Rehearsal step = rehearse(data, {.iterations = 3, .step = 5.5});
    EXPECT_EQ(step.candidates.size(), 5U);
    EXPECT_EQ(step.recipe.steps, (std::vector<double>{5.5, 5.5, 5.5}));
    const Rehearsal degree = rehearse(data, {.iterations = 3, .degree = 5});
    EXPECT_EQ(degree.candidates.size(), 50U);
    EXPECT_EQ(degree.recipe.sigmoid.degree(), 5);
    const Rehearsal all = rehearse(data, {.iterations = 3, .step = 4.0, .degree = 1, .range = 9.0});
    EXPECT_EQ(all.candidates.size(), 1U);
    EXPECT_EQ(all.recipe, standard_recipe(3, 4.0, fit_sigmoid(1, 9.0)));
}

TEST(Rehearse, RefusesAPinnedRangeThatZLeaves) {
    const Dataset data = synthetic(40, 30, 3, 0.3, 4);
    try {
        rehearse(data, {.iterations = 6, .step = 12.0, .range = 2.0});
        FAIL() << "a range of 2 was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_input);
        const std::string message = error.what();
        EXPECT_NE(message.find("step 12"), std::string::npos) << message;
        EXPECT_NE(message.find("[-2, 2]"), std::string::npos) << message;
        EXPECT_NE(message.find("use a wider range"), std::string::npos) << message;
    }
}

TEST(Rehearse, LongRunsGetStepsThatAreStableForever) {
    const Dataset data = synthetic(50, 20, 4, 1.0, 5);
    const Rehearsal r = rehearse(data, {.iterations = 60});
    // The linear theory's limit is 4/3; sixty iterations come close to it.
    for (const auto& c : r.candidates) {
        if (c.stable) {
            EXPECT_LE(c.stability, 1.4);
        }
        if (c.stability <= 4.0 / 3.0) {
            EXPECT_TRUE(c.stable) << c.stability;
        }
    }
    EXPECT_TRUE(r.chosen.stable);
}

TEST(Rehearse, CopesWithAFewRows) {
    for (int n = 1; n <= 10; ++n) {
        for (const int iterations : {1, 2, 8}) {
            const Dataset data = synthetic(n, 12, 2, 0.05, 20U + static_cast<std::uint32_t>(n));
            const Rehearsal r = rehearse(data, {.iterations = iterations});
            const Trained trained = train(data, r.recipe);
            EXPECT_TRUE(trained.head.weights.allFinite());
            // Separated clusters: every training row is learnt.
            EXPECT_EQ(trained.head.accuracy(data.features, data.labels), 1.0)
                << n << " rows, " << iterations << " iterations";
        }
    }
}

TEST(Rehearse, CopesWithAClassThatDoesNotOccur) {
    Dataset data = synthetic(20, 6, 2, 0.3, 6);
    data.classes = 4;
    const Rehearsal r = rehearse(data, {.iterations = 3});
    EXPECT_EQ(train(data, r.recipe).head.weights.rows(), 4);
}

TEST(Rehearse, LearnsWithMoreRowsThanFeatures) {
    const Dataset all = synthetic(700, 60, 8, 1.2, 7);
    const Dataset training = test::rows(all, 0, 512);
    const Dataset test = test::rows(all, 512, 188);
    const Rehearsal r = rehearse(training, {.iterations = 6});
    EXPECT_GT(train(training, r.recipe).head.accuracy(test.features, test.labels), 0.75);
}

TEST(Rehearse, RefusesUnusableInput) {
    const Dataset data = synthetic(10, 4, 2, 0.5, 8);
    EXPECT_THROW(rehearse(data, {.iterations = 0}), Error);
    EXPECT_THROW(rehearse(data, {.step = -1.0}), Error);
    EXPECT_THROW(rehearse(data, {.degree = 2}), Error);
    EXPECT_THROW(rehearse(data, {.range = 100.0}), Error);
    EXPECT_THROW(rehearse(data, {.folds = 1}), Error);
    EXPECT_THROW(cipherfit::rehearse(data.features, std::vector<int>(9, 0), 2), Error);
    EXPECT_THROW(cipherfit::rehearse(data.features, std::vector<int>(10, 5), 2), Error);
}

TEST(Rehearse, ReachesItsTargetsOnTheRegnetFeatures) {
    const auto all = test::shared_csv();
    if (!all) {
        GTEST_SKIP() << test::no_shared_csv;
    }
    const Dataset training = test::rows(*all, 0, 128);
    const Dataset test = test::rows(*all, 128, 128);
    const auto accuracy = [&](int iterations) {
        const Rehearsal r = rehearse(training, {.iterations = iterations});
        return train(training, r.recipe).head.accuracy(test.features, test.labels);
    };
    EXPECT_GE(accuracy(2), 98.0 / 128.0);
    EXPECT_GE(accuracy(8), 103.0 / 128.0);
}

TEST(Norms, PowerIterationFindsTheLargestEigenvalue) {
    for (std::uint32_t seed = 0; seed < 10; ++seed) {
        const Dataset data = synthetic(10 + seed, 25, 2, 0.2 * seed, seed);
        const auto preset = seed % 2 == 0 ? Preset::standard : Preset::chiang2023;
        const RowMatrix xs = fit_preprocessing(data.features, preset).scaled(data.features);
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(xs * xs.transpose());
        const double expected = solver.eigenvalues().maxCoeff();
        EXPECT_NEAR(largest_eigenvalue(xs) / expected, 1.0, 1e-6);
    }
    EXPECT_EQ(largest_eigenvalue(RowMatrix::Zero(3, 2)), 0.0);
    EXPECT_THROW(largest_eigenvalue(RowMatrix(0, 2)), Error);
}

TEST(Norms, TheStepFollowsTheStabilityRule) {
    const Dataset data = synthetic(30, 25, 3, 0.7, 9);
    const RowMatrix xs = fit_preprocessing(data.features, Preset::standard).scaled(data.features);
    const Recipe recipe = recipe_from_norms(xs, 40);
    // Rounded down to three significant bits, so that it tells little of the rows.
    const double exact = 1.3 / (recipe.sigmoid.derivative(0.0) * largest_eigenvalue(xs));
    EXPECT_LE(recipe.steps[0], exact);
    EXPECT_GT(recipe.steps[0], 0.8 * exact);
    int exponent = 0;
    const double eighths = 8 * std::frexp(recipe.steps[0], &exponent);
    EXPECT_EQ(eighths, std::floor(eighths));
    // Data sets that differ by a little give the same plan.
    RowMatrix shifted = xs;
    shifted(0, 0) *= 1 + 1e-9;
    EXPECT_EQ(recipe_from_norms(shifted, 40).steps, recipe.steps);
    EXPECT_EQ(recipe.sigmoid, fit_sigmoid(3, 12.0));
    EXPECT_THROW(recipe_from_norms(RowMatrix::Zero(3, 2), 4), Error);
}

// With the sigmoid of degree 1 the linear theory is exact.
TEST(Norms, TheRuleIsStableForeverAndNotMuchMoreWouldBe) {
    const Dataset data = synthetic(30, 8, 3, 0.7, 10);
    const RowMatrix xs = fit_preprocessing(data.features, Preset::standard).scaled(data.features);
    const double early = train(data, recipe_from_norms(xs, 30, 1, 8.0)).largest_abs_z;
    const Recipe late = recipe_from_norms(xs, 400, 1, 8.0);
    EXPECT_LT(train(data, late).largest_abs_z, 5.0 * early);
    const Recipe bold = standard_recipe(400, 1.2 * late.steps[0], late.sigmoid);
    EXPECT_GT(train(data, bold).largest_abs_z, 1000.0 * early);
}

}  // namespace
}  // namespace cipherfit
