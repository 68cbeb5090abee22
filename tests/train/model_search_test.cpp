#include "cipherfit/train/owner/model_search.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/train/owner/twin.h"
#include "support/errors.h"
#include "train/oracle/test_data.h"
#include "train/owner/judged_candidate.h"
#include "train/owner/model_search_folds.h"

#include <cmath>
#include <random>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Dataset;
using test::synthetic;
using test::throws;

// The components of the columns as they are.
class PlainComponents final : public FeatureSource {
  public:
    explicit PlainComponents(const RowMatrix& rows) : rows_(rows) {}
    std::string name() const override { return "plain"; }
    ComponentScores components(std::span<const Eigen::Index> training,
                               std::span<const Eigen::Index> held_out,
                               Eigen::Index most) const override {
        const auto take = [&](std::span<const Eigen::Index> rows) {
            return RowMatrix(
                rows_(std::vector<Eigen::Index>(rows.begin(), rows.end()), Eigen::all));
        };
        const RowMatrix fitted = take(training);
        const Eigen::RowVectorXd mean = fitted.colwise().mean();
        const Eigen::MatrixXd centred = fitted.rowwise() - mean;
        // In ascending order.
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
            centred.transpose() * centred / static_cast<double>(fitted.rows()));
        const Eigen::VectorXd deviation = solver.eigenvalues().reverse().cwiseMax(0.0).cwiseSqrt();
        Eigen::Index kept = 0;
        while (kept < std::min(most, deviation.size()) && deviation(kept) > 1e-7) {
            ++kept;
        }
        const Eigen::MatrixXd v = solver.eigenvectors().rightCols(kept).rowwise().reverse();
        return {deviation.head(kept), deviation.squaredNorm(), centred * v,
                (take(held_out).rowwise() - mean) * v};
    }

  private:
    const RowMatrix& rows_;
};

std::vector<std::unique_ptr<FeatureSource>> sources_of(const RowMatrix& rows) {
    std::vector<std::unique_ptr<FeatureSource>> sources;
    sources.push_back(std::make_unique<PlainComponents>(rows));
    return sources;
}

ModelSearch search(const Dataset& data, const ModelSearchOptions& options) {
    return search_models(sources_of(data.features), data.labels, data.classes, options);
}

TEST(ModelSearch, OneStepIsRidgeRegressionAndTheTwinsFirstIteration) {
    const Dataset data = synthetic(40, 6, 3, 0.9, 1);
    const ModelSearchOptions options;
    const SearchRows rows = deal_search_rows(data.labels, data.classes, options);
    const auto sources = sources_of(data.features);
    FoldComponents components;
    for (const SearchFold& fold : rows.folds) {
        components.push_back(sources[0]->components(fold.training, fold.held_out, 100));
    }
    const double ridge = 0.02;
    const auto scores = one_step_scores(rows, components, {3, 6}, {ridge});
    ASSERT_EQ(scores.size(), 2U);
    const Recipe recipe = unit_step_recipe(1, fit_sigmoid(3, 16.0));
    Eigen::Index first = 0;
    for (std::size_t f = 0; f < rows.folds.size(); ++f) {
        const SearchFold& fold = rows.folds[f];
        const auto held = static_cast<Eigen::Index>(fold.held_out.size());
        // The minimum of |Y - 1/2 - b - P w|^2 / n + ridge T |w|^2, by the normal equations.
        const RowMatrix& p = components[f].training;
        const auto n = static_cast<double>(p.rows());
        const RowMatrix y = one_hot(fold.training_labels, data.classes).array() - 0.5;
        const Eigen::MatrixXd normal = p.transpose() * p / n + ridge *
                                                                   components[f].total_variance *
                                                                   Eigen::MatrixXd::Identity(6, 6);
        const Eigen::MatrixXd w = normal.llt().solve(p.transpose() * y / n);
        const RowMatrix expected = (components[f].held_out * w).rowwise() + y.colwise().mean();
        EXPECT_LT((scores[1].middleRows(first, held) - expected).cwiseAbs().maxCoeff(), 1e-10);
        const auto runs = run_fold(fold, data.classes, components[f], 6, ridge, recipe, {1});
        ASSERT_EQ(runs.size(), 1U);
        const RowMatrix twin = runs[0].scores * recipe.sigmoid.derivative(0.0);
        EXPECT_LT((twin - expected).cwiseAbs().maxCoeff(), 1e-10);
        EXPECT_EQ(runs[0].max_abs_z, 0.0);
        first += held;
    }
}

TEST(ModelSearch, WeightedRowsAreThoseOfWeightedLeastSquares) {
    const Dataset data = synthetic(30, 4, 2, 0.9, 2);
    ModelSearchOptions options;
    options.row_weights = Eigen::VectorXd::Ones(30);
    for (Eigen::Index i = 0; i < 30; ++i) {
        options.row_weights(i) = data.labels[static_cast<std::size_t>(i)] == 0 ? 3.0 : 0.5;
    }
    const SearchRows rows = deal_search_rows(data.labels, data.classes, options);
    const SearchFold& fold = rows.folds[0];
    EXPECT_NEAR(fold.training_weights.mean(), 1.0, 1e-12);
    // Components that are uncorrelated under the weights, by their Cholesky factor.
    ComponentScores of;
    RowMatrix p = data.features(fold.training, Eigen::all);
    const auto n = static_cast<double>(p.rows());
    const Eigen::VectorXd w = fold.training_weights;
    p.rowwise() -= (p.transpose() * w / n).transpose().eval();
    const Eigen::MatrixXd covariance = p.transpose() * w.asDiagonal() * p / n;
    const Eigen::MatrixXd inverse =
        covariance.llt().matrixL().solve(Eigen::MatrixXd::Identity(p.cols(), p.cols()));
    of.training = p * inverse.transpose();
    of.held_out = of.training.topRows(static_cast<Eigen::Index>(fold.held_out.size()));
    of.deviation = Eigen::VectorXd::Ones(p.cols());
    of.total_variance = static_cast<double>(p.cols());
    const RowMatrix y = one_hot(fold.training_labels, 2).array() - 0.5;
    const Eigen::MatrixXd weights = of.training.transpose() * w.asDiagonal() * y / n;
    const RowMatrix expected =
        (of.held_out * weights).rowwise() + (y.transpose() * w / n).transpose();
    const Recipe recipe = unit_step_recipe(1, fit_sigmoid(3, 16.0));
    const auto runs = run_fold(fold, 2, of, p.cols(), 0.0, recipe, {1});
    // Two classes have one logit, of which the two scores are the halves.
    const RowMatrix twin = 2 * runs[0].scores * recipe.sigmoid.derivative(0.0);
    EXPECT_LT((twin - expected).cwiseAbs().maxCoeff(), 1e-10);
}

TEST(ModelSearch, ChoosesTwoIterationsUnlessOthersAreBetterAndKeepsItsScores) {
    const Dataset data = synthetic(90, 12, 4, 0.9, 3);
    const ModelSearch found = search(data, {});
    for (const ModelCandidate& candidate : found.candidates) {
        if (candidate.iterations == 2 && found.chosen.iterations == 2) {
            EXPECT_GE(candidate.difference + 0.25 * candidate.standard_error + 1e-9,
                      found.chosen.difference - 0.25 * found.chosen.standard_error);
        }
    }
    if (found.chosen.iterations != 2) {
        EXPECT_LE(found.chosen.loss, found.best.loss + 0.25 * found.chosen.standard_error + 1e-9);
    }
    EXPECT_EQ(found.recipe.iterations, found.chosen.iterations);
    EXPECT_NEAR(found.recipe.steps[0] * found.recipe.sigmoid.derivative(0.0), 0.25, 1e-12);
    for (std::size_t i = 1; i < found.candidates.size(); ++i) {
        EXPECT_LE(found.candidates[i - 1].loss, found.candidates[i].loss);
    }
    ASSERT_EQ(found.held_out.labels.size(), 90U);
    int right = 0;
    for (Eigen::Index i = 0; i < 90; ++i) {
        Eigen::Index best = 0;
        found.held_out.scores.row(i).maxCoeff(&best);
        right += best == found.held_out.labels[static_cast<std::size_t>(i)] ? 1 : 0;
    }
    EXPECT_NEAR(right / 90.0, found.chosen.accuracy, 1e-12);
    const ModelSearch accurate = search(data, {.prefer_accuracy = true});
    for (const ModelCandidate& candidate : accurate.candidates) {
        EXPECT_LE(candidate.accuracy, accurate.chosen.accuracy);
    }
}

TEST(ModelSearch, TakesTheCheapestWithinOneStandardErrorOfLargeRuns) {
    const Dataset data = synthetic(90, 12, 4, 0.9, 3);
    const ModelSearch found = search(data, {.training_rows = 10'000'000});
    for (const ModelCandidate& candidate : found.candidates) {
        if (candidate.work < found.chosen.work) {
            EXPECT_TRUE(candidate.difference > candidate.standard_error ||
                        candidate.accuracy < found.best.accuracy);
        }
    }
    EXPECT_LE(found.chosen.work, search(data, {}).chosen.work);
}

TEST(ModelSearch, KeepsWhatIsPinned) {
    const Dataset data = synthetic(60, 10, 3, 0.9, 4);
    const ModelSearch found = search(data, {.iterations = {3},
                                            .degree = 5,
                                            .range = 9.0,
                                            .decays = {0.05},
                                            .momentum = Momentum::none,
                                            .components = {4},
                                            .ridges = {0.01}});
    EXPECT_EQ(found.candidates.size(), 1U);
    EXPECT_EQ(found.recipe.iterations, 3);
    EXPECT_EQ(found.recipe.sigmoid, fit_sigmoid(5, 9.0));
    EXPECT_EQ(found.recipe.decay, 0.05);
    EXPECT_FALSE(has_momentum(found.recipe));
    EXPECT_EQ(found.chosen.components, 4);
    EXPECT_EQ(found.chosen.ridge, 0.01);
}

TEST(ModelSearch, IsTheSameOnAnyNumberOfThreads) {
    const Dataset data = synthetic(50, 8, 3, 1.0, 5);
    set_thread_count(1);
    const ModelSearch one = search(data, {.seed = 7});
    set_thread_count(0);
    const ModelSearch all = search(data, {.seed = 7});
    EXPECT_EQ(one.recipe, all.recipe);
    EXPECT_EQ(one.held_out.scores, all.held_out.scores);
    EXPECT_EQ(one.chosen.loss, all.chosen.loss);
}

TEST(ModelSearch, MiniBatchesAreTriedToo) {
    const Dataset data = synthetic(120, 6, 3, 0.7, 6);
    const ModelSearch found = search(data, {.iterations = {12}, .batch = 30});
    EXPECT_EQ(found.recipe.batch, 30);
    EXPECT_EQ(found.recipe.iterations, 12);
    // As good as runs over all rows, but for a few of the 120.
    EXPECT_GE(found.chosen.accuracy, search(data, {}).chosen.accuracy - 0.05);
    EXPECT_LE(found.chosen.max_abs_z, 0.95 * found.chosen.range);
}

TEST(ModelSearch, RefusesWhatItCannotSearch) {
    const Dataset data = synthetic(20, 5, 2, 1.0, 7);
    EXPECT_TRUE(throws(ErrorCode::bad_input, {}, [&] { search(data, {.folds = 1}); }));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {},
                       [&] { search(data, {.iterations = {4}, .range = 0.05}); }));
    const std::vector<int> three{0, 1, 0};
    EXPECT_TRUE(throws(ErrorCode::bad_input, {},
                       [&] { search_models(sources_of(data.features), three, 2); }));
}

TEST(SampleRows, KeepTheClassesShares) {
    std::vector<int> labels(1000, 0);
    std::fill(labels.begin() + 700, labels.begin() + 950, 1);
    std::fill(labels.begin() + 950, labels.end(), 2);
    const std::vector<Eigen::Index> sample = sample_rows(labels, 100, 3);
    ASSERT_EQ(sample.size(), 100U);
    std::vector<int> counts(3, 0);
    for (std::size_t i = 0; i < sample.size(); ++i) {
        EXPECT_TRUE(i == 0 || sample[i] > sample[i - 1]);
        ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(sample[i])])];
    }
    EXPECT_NEAR(counts[0], 70, 1);
    EXPECT_NEAR(counts[1], 25, 1);
    EXPECT_NEAR(counts[2], 5, 1);
    EXPECT_EQ(sample_rows(labels, 2000, 3).size(), 1000U);
}

TEST(HeldOutLoss, TakesTheScaleThatMakesItLeast) {
    std::mt19937_64 engine(8);
    std::normal_distribution<double> normal;
    const RowMatrix scores = RowMatrix::NullaryExpr(400, 3, [&] { return normal(engine); });
    std::vector<int> labels;
    for (Eigen::Index i = 0; i < 400; ++i) {
        // Gumbel's noise makes them draws of the softmax of 2.5 times the scores.
        Eigen::RowVectorXd noisy = 2.5 * scores.row(i);
        for (double& value : noisy) {
            const double u = (static_cast<double>(engine() >> 11U) + 1.0) * 0x1p-53;
            value -= std::log(-std::log(u * (1 - 1e-12)));
        }
        Eigen::Index best = 0;
        noisy.maxCoeff(&best);
        labels.push_back(static_cast<int>(best));
    }
    for (const double unit : {1e-4, 1.0, 1e5}) {
        const HeldOutLoss found = held_out_loss(unit * scores, labels, {});
        EXPECT_NEAR(found.scale * unit, 2.5, 0.5);
        const HeldOutLoss reference = held_out_loss(scores, labels, {});
        EXPECT_NEAR(found.mean_loss, reference.mean_loss, 1e-6);
        EXPECT_EQ(found.accuracy, reference.accuracy);
    }
}

}  // namespace
}  // namespace cipherfit
