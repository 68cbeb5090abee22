#include "cipherfit/backbone/whitened_features.h"

#include "cipherfit/backbone/chained_features.h"
#include "cipherfit/backbone/pca_features.h"
#include "support/errors.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::throws;

RowMatrix gaussian(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<double> normal;
    return RowMatrix::NullaryExpr(rows, columns, [&] { return normal(engine); });
}

// Correlated columns of sizes that differ by ten thousand.
RowMatrix table(Eigen::Index rows, std::uint64_t seed) {
    RowMatrix values = gaussian(rows, 4, seed);
    values.col(1) = 1e4 * (values.col(1) + 0.5 * values.col(0)).array() + 3.0;
    values.col(2) *= 0.01;
    return values;
}

RowMatrix covariance(const RowMatrix& x) {
    const RowMatrix centred = x.rowwise() - x.colwise().mean();
    return centred.transpose() * centred / static_cast<double>(x.rows());
}

TEST(WhitenedFeatures, HaveTheVariancesThatTheRidgeLeaves) {
    const RowMatrix rows = table(200, 1);
    for (const double ridge : {0.0, 1e-3, 0.1}) {
        const auto extractor = WhitenedFeatures::create({.ridge = ridge});
        extractor->fit(rows);
        const RowMatrix x = extractor->transform(rows);
        ASSERT_EQ(x.cols(), 4);
        EXPECT_LT(x.colwise().mean().cwiseAbs().maxCoeff(), 1e-12);
        const PrincipalComponents& of = extractor->components();
        const RowMatrix found = covariance(x);
        for (Eigen::Index i = 0; i < 4; ++i) {
            const double variance = of.standard_deviation(i) * of.standard_deviation(i);
            for (Eigen::Index j = 0; j < 4; ++j) {
                const double expected =
                    i == j ? variance / (variance + ridge * of.total_variance) : 0.0;
                EXPECT_NEAR(found(i, j), expected, 1e-10) << i << ' ' << j;
            }
        }
    }
}

TEST(WhitenedFeatures, AreTheSameForColumnsInAnotherUnit) {
    const RowMatrix rows = gaussian(60, 3, 2);
    RowMatrix other = rows;
    other.col(0) = rows.col(0).array() * 1e-7;
    other.col(1) = rows.col(1).array() * 1e6 - 4e5;
    const auto one = WhitenedFeatures::create({.cosines = true, .cosine_count = 40});
    const auto two = WhitenedFeatures::create({.cosines = true, .cosine_count = 40});
    one->fit(rows);
    two->fit(other);
    EXPECT_LT((one->transform(rows) - two->transform(other)).cwiseAbs().maxCoeff(), 1e-5);
}

TEST(WhitenedFeatures, ConstantDuplicateAndOffsetColumnsDoNoHarm) {
    const RowMatrix rows = gaussian(80, 3, 3);
    RowMatrix worse(80, 7);
    worse.leftCols(3) = rows;
    worse.col(3).setConstant(1e9);                  // constant
    worse.col(4) = rows.col(0);                     // duplicate
    worse.col(5) = rows.col(1).array() + 1e8;       // large offset
    worse.col(6) = 1e15 + rows.col(2).array() * 0;  // constant up to rounding
    worse(5, 6) += 0.25;
    for (const bool cosines : {false, true}) {
        const auto extractor =
            WhitenedFeatures::create({.cosines = cosines, .cosine_count = 32, .ridge = 0.0});
        extractor->fit(worse);
        const RowMatrix x = extractor->transform(worse);
        EXPECT_TRUE(x.allFinite());
        EXPECT_EQ(extractor->column_factors()(3), 0.0);
        EXPECT_EQ(extractor->column_factors()(6), 0.0);
        if (!cosines) {
            EXPECT_EQ(x.cols(), 3);  // the rank
        }
        // Later rows may have any value there.
        RowMatrix later = worse.topRows(2);
        later.col(3).setConstant(-7.0);
        EXPECT_LT((extractor->transform(later) - x.topRows(2)).cwiseAbs().maxCoeff(), 1e-12);
    }
}

TEST(WhitenedFeatures, ClipOutliersAtFiveDeviations) {
    RowMatrix rows = gaussian(200, 2, 4);
    const auto extractor = WhitenedFeatures::create({.whitening = 0.0});
    extractor->fit(rows);
    RowMatrix far(2, 2);
    far << 1e9, 0.0, 6.0 / extractor->column_factors()(0) + extractor->column_means()(0), 0.0;
    const RowMatrix x = extractor->transform(far);
    EXPECT_LT((x.row(0) - x.row(1)).cwiseAbs().maxCoeff(), 1e-12);
    EXPECT_LE(x.row(0).norm(), std::sqrt(50.0) + 1);
}

TEST(WhitenedFeatures, CosinesApproximateTheGaussianKernel) {
    // With all components and no whitening, centred products of features are those of the centred
    // kernel matrix. 4,096 orthogonal cosines: errors of about 1/sqrt(4096) at most.
    const RowMatrix rows = gaussian(30, 5, 5);
    const double width = 0.8;
    const auto extractor = WhitenedFeatures::create(
        {.cosines = true, .width = width, .cosine_count = 4096, .whitening = 0.0});
    extractor->fit(rows);
    const RowMatrix x = extractor->transform(rows);
    const RowMatrix s = (rows.rowwise() - extractor->column_means().transpose()) *
                        extractor->column_factors().asDiagonal();
    RowMatrix kernel(30, 30);
    for (Eigen::Index i = 0; i < 30; ++i) {
        for (Eigen::Index j = 0; j < 30; ++j) {
            kernel(i, j) = std::exp(-width / 5 * (s.row(i) - s.row(j)).squaredNorm());
        }
    }
    const RowMatrix centring =
        RowMatrix::Identity(30, 30) - RowMatrix::Constant(30, 30, 1.0 / 30.0);
    const RowMatrix expected = centring * kernel * centring;
    EXPECT_LT((x * x.transpose() - expected).cwiseAbs().maxCoeff(), 0.08);
}

TEST(WhitenedFeatures, ARowDependsOnItselfAloneAndTheStateBringsThemBack) {
    const RowMatrix rows = table(90, 6);
    for (const bool cosines : {false, true}) {
        for (const ColumnScaling scaling : {ColumnScaling::each, ColumnScaling::common}) {
            const auto extractor = WhitenedFeatures::create(
                {.cosines = cosines, .cosine_count = 50, .scaling = scaling, .components = 3});
            extractor->fit(rows);
            const RowMatrix all = extractor->transform(rows);
            for (const Eigen::Index i : {0, 33, 89}) {
                EXPECT_EQ(extractor->transform(rows.row(i)), all.row(i));
            }
            auto read = feature_extractor_from_json(extractor->state());
            ASSERT_TRUE(read) << read.error().message;
            EXPECT_EQ((*read)->name(), cosines ? "rbf" : "standardised");
            EXPECT_EQ((*read)->transform(rows), all);
            EXPECT_EQ((*read)->state(), extractor->state());
        }
    }
}

TEST(WhitenedFeatures, RowWeightsCountAsRepeatedRows) {
    const RowMatrix rows = table(20, 7);
    RowMatrix repeated(30, 4);
    repeated.topRows(20) = rows;
    repeated.bottomRows(10) = rows.topRows(10);
    Eigen::VectorXd weights = Eigen::VectorXd::Ones(20);
    weights.head(10).setConstant(2.0);
    for (const bool cosines : {false, true}) {
        const WhitenedOptions options{.cosines = cosines, .cosine_count = 8, .ridge = 0.01};
        const auto one = WhitenedFeatures::create(options);
        const auto two = WhitenedFeatures::create(options);
        one->fit(rows, {}, weights);
        two->fit(repeated);
        EXPECT_LT((one->transform(rows) - two->transform(rows)).cwiseAbs().maxCoeff(), 1e-9);
    }
}

TEST(WhitenedFeatures, RefuseWhatTheyCannotTake) {
    EXPECT_TRUE(
        throws(ErrorCode::invalid_argument, {}, [] { WhitenedFeatures::create({.ridge = -1.0}); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {},
                       [] { WhitenedFeatures::create({.cosines = true, .width = 0.0}); }));
    const auto extractor = WhitenedFeatures::create({});
    EXPECT_TRUE(throws(ErrorCode::bad_input, {}, [&] { extractor->fit(RowMatrix::Ones(5, 3)); }));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {}, [&] { extractor->fit(RowMatrix::Ones(1, 3)); }));
    RowMatrix rows = gaussian(9, 3, 8);
    rows(4, 1) = std::nan("");
    EXPECT_TRUE(throws(ErrorCode::bad_input, {}, [&] { extractor->fit(rows); }));
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {}, [&] { extractor->transform(rows); }));
    extractor->fit(gaussian(9, 3, 9));
    EXPECT_TRUE(throws(ErrorCode::bad_input, {}, [&] { extractor->transform(gaussian(2, 4, 1)); }));
    for (const char* member :
         {"scaling", "ridge", "column_means", "column_factors", "projection"}) {
        nlohmann::json damaged = extractor->state();
        damaged[member] = nlohmann::json::array({1.0});
        const auto read = feature_extractor_from_json(damaged);
        ASSERT_FALSE(read) << member;
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
    }
}

TEST(WhitenedFeatures, WeightsFoldBackToTheColumns) {
    const RowMatrix rows = table(40, 11);
    const auto extractor = WhitenedFeatures::create({.components = 3, .ridge = 0.05});
    extractor->fit(rows);
    const RowMatrix weights = gaussian(2, 4, 12);
    const RowMatrix columns = extractor->column_weights(weights);
    const RowMatrix expected =
        (extractor->transform(rows) * weights.rightCols(3).transpose()).rowwise() +
        weights.col(0).transpose();
    const RowMatrix found =
        (rows * columns.rightCols(4).transpose()).rowwise() + columns.col(0).transpose();
    EXPECT_LT((found - expected).cwiseAbs().maxCoeff(), 1e-9);
    EXPECT_TRUE(throws(ErrorCode::invalid_argument, {},
                       [&] { extractor->column_weights(gaussian(2, 5, 1)); }));
}

TEST(ChainedFeatures, RunBothStagesAndComeBackFromTheirState) {
    const RowMatrix rows = table(50, 10);
    const auto chain = ChainedFeatures::create(
        PcaFeatures::create({.components = 3}),
        WhitenedFeatures::create(
            {.cosines = true, .cosine_count = 20, .scaling = ColumnScaling::common}));
    chain->fit(rows);
    EXPECT_EQ(chain->name(), "pca+rbf");
    EXPECT_EQ(chain->input_dimension(), 4);
    const RowMatrix x = chain->transform(rows);
    EXPECT_EQ(x, chain->second().transform(chain->first().transform(rows)));
    auto read = feature_extractor_from_json(chain->state());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ((*read)->transform(rows), x);

    nlohmann::json nested = chain->state();
    nested["stages"][1] = chain->state();
    EXPECT_FALSE(feature_extractor_from_json(nested));
    nlohmann::json twice = chain->state();
    twice["stages"][0] = twice["stages"][1];
    const auto unfit = feature_extractor_from_json(twice);
    ASSERT_FALSE(unfit);
    EXPECT_EQ(unfit.error().code, ErrorCode::corrupt_data);
}

}  // namespace
}  // namespace cipherfit
