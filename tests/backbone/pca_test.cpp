#include "cipherfit/backbone/pca.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"

#include <cmath>
#include <random>

#include <Eigen/SVD>
#include <gtest/gtest.h>

namespace cipherfit {
namespace {

// n rows around a mean, with standard deviations falling from 3 by a factor of 0.8 a column and
// mixed by a rotation, so that the leading directions are well apart.
RowMatrix correlated_sample(Eigen::Index n, Eigen::Index columns) {
    std::mt19937_64 engine(11);
    std::normal_distribution<double> normal;
    Eigen::MatrixXd values(n, columns);
    Eigen::MatrixXd mixer(columns, columns);
    for (double& value : values.reshaped()) {
        value = normal(engine);
    }
    for (double& value : mixer.reshaped()) {
        value = normal(engine);
    }
    for (Eigen::Index j = 0; j < columns; ++j) {
        values.col(j) *= 3.0 * std::pow(0.8, static_cast<double>(j));
    }
    const Eigen::MatrixXd rotation = Eigen::HouseholderQR<Eigen::MatrixXd>(mixer).householderQ();
    return (values * rotation).array() + 5.0;
}

// Against the singular value decomposition of the centred rows, on either side of n = D. The
// vectors of a matrix product's eigenproblem are known to eps times the quotient of the largest
// eigenvalue and the gap to the next, about 1e-16 * (1/0.64)^2k / (1 - 0.64): 1e-12 at k = 6.
void expect_svd(Eigen::Index n, Eigen::Index columns) {
    constexpr Eigen::Index k = 6;
    const RowMatrix sample = correlated_sample(n, columns);
    const PrincipalComponents fitted = fit_principal_components(sample, k, 0.0);
    const Eigen::MatrixXd centred = sample.rowwise() - sample.colwise().mean();
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(centred, Eigen::ComputeThinV);
    ASSERT_EQ(fitted.components(), k);
    for (Eigen::Index j = 0; j < k; ++j) {
        const double deviation = svd.singularValues()(j) / std::sqrt(static_cast<double>(n));
        EXPECT_NEAR(fitted.standard_deviation(j), deviation, 1e-10) << j;
        const double sign = fitted.projection.col(j).dot(svd.matrixV().col(j)) < 0.0 ? -1.0 : 1.0;
        EXPECT_LE((fitted.projection.col(j) - sign * svd.matrixV().col(j)).norm(), 1e-9) << j;
        Eigen::Index largest = 0;
        fitted.projection.col(j).cwiseAbs().maxCoeff(&largest);
        EXPECT_GT(fitted.projection(largest, j), 0.0);
    }
}

TEST(PrincipalComponents, EqualTheSingularVectorsWithMoreRowsThanColumns) {
    expect_svd(200, 30);
}
TEST(PrincipalComponents, EqualTheSingularVectorsWithFewerRowsThanColumns) {
    expect_svd(40, 150);
}

TEST(PrincipalComponents, WhiteningSetsTheVariances) {
    const RowMatrix sample = correlated_sample(300, 20);
    for (const double whitening : {0.0, 0.5, 0.75, 1.0}) {
        const PrincipalComponents fitted = fit_principal_components(sample, 8, whitening);
        const RowMatrix x = fitted.project(sample);
        EXPECT_LE(x.colwise().mean().cwiseAbs().maxCoeff(), 1e-12);
        const Eigen::MatrixXd covariance = x.transpose() * x / 300.0;
        for (Eigen::Index i = 0; i < 8; ++i) {
            for (Eigen::Index j = 0; j < 8; ++j) {
                const double expected =
                    i == j ? std::pow(fitted.standard_deviation(i), 2.0 - 2.0 * whitening) : 0.0;
                EXPECT_NEAR(covariance(i, j), expected, 1e-11) << whitening;
            }
        }
    }
}

TEST(PrincipalComponents, DropWhatTheSampleDoesNotHave) {
    // Five rows span four directions around their mean.
    EXPECT_EQ(fit_principal_components(correlated_sample(5, 12), 10, 1.0).components(), 4);
    // Two columns that say the same.
    RowMatrix twice = correlated_sample(50, 3);
    twice.col(2) = 2.0 * twice.col(0);
    EXPECT_EQ(fit_principal_components(twice, 3, 1.0).components(), 2);
}

TEST(PrincipalComponents, OfACovarianceAreThoseOfTheRows) {
    const RowMatrix sample = correlated_sample(200, 8);
    const Eigen::VectorXd mean = sample.colwise().mean();
    const Eigen::MatrixXd centred = sample.rowwise() - mean.transpose();
    const Eigen::MatrixXd covariance = centred.transpose() * centred / 200;
    for (const double ridge : {0.0, 0.01}) {
        const auto of_rows = fit_principal_components(sample, 5, 1.0, ridge);
        const auto of_sums = components_of_covariance(mean, covariance, 5, 1.0, ridge);
        EXPECT_NEAR(of_sums.total_variance, of_rows.total_variance, 1e-12);
        // As in expect_svd(), and a division by the least deviation.
        EXPECT_LT((of_sums.projection - of_rows.projection).cwiseAbs().maxCoeff(), 1e-10);
    }
    // By hand: two columns, of variances 1 and 9, in that order.
    const Eigen::Vector2d diagonal(1, 9);
    const auto by_hand =
        components_of_covariance(Eigen::Vector2d(4, 5), diagonal.asDiagonal(), 2, 1.0, 0.1);
    EXPECT_NEAR(by_hand.projection(1, 0), 1 / std::sqrt(10.0), 1e-15);
    EXPECT_NEAR(by_hand.projection(0, 1), 1 / std::sqrt(2.0), 1e-15);
    EXPECT_THROW(components_of_covariance(mean, Eigen::MatrixXd::Zero(8, 8), 5, 1.0), Error);
    EXPECT_THROW(components_of_covariance(mean, covariance.topRows(7), 5, 1.0), Error);
    EXPECT_THROW(components_of_covariance(mean, covariance * std::nan(""), 5, 1.0), Error);
}

TEST(PrincipalComponents, ProjectionOfARowDependsOnThatRowAlone) {
    const RowMatrix sample = correlated_sample(200, 30);
    const PrincipalComponents fitted = fit_principal_components(sample, 8, 0.5);
    const RowMatrix all = fitted.project(sample);
    for (const Eigen::Index start : {0, 1, 63, 64, 199}) {
        for (const Eigen::Index rows : {1, 2, 65}) {
            const Eigen::Index count = std::min<Eigen::Index>(rows, 200 - start);
            const RowMatrix part = fitted.project(sample.middleRows(start, count));
            EXPECT_EQ(part, all.middleRows(start, count)) << start << " " << rows;
        }
    }
    EXPECT_EQ(fitted.project(RowMatrix(0, 30)).rows(), 0);
}

TEST(PrincipalComponents, DoNotDependOnTheNumberOfThreads) {
    const RowMatrix sample = correlated_sample(150, 140);
    set_thread_count(1);
    const PrincipalComponents one = fit_principal_components(sample, 20, 0.5);
    set_thread_count(4);
    const PrincipalComponents four = fit_principal_components(sample, 20, 0.5);
    set_thread_count(0);
    EXPECT_EQ(one.projection, four.projection);
    EXPECT_EQ(one.standard_deviation, four.standard_deviation);
}

TEST(PrincipalComponents, RefuseEqualRowsAndArgumentsOutOfRange) {
    const auto code_of = [](const RowMatrix& sample, Eigen::Index components, double whitening) {
        try {
            fit_principal_components(sample, components, whitening);
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::internal;
    };
    EXPECT_EQ(code_of(RowMatrix::Constant(9, 4, 0.1), 2, 0.0), ErrorCode::bad_input);
    EXPECT_EQ(code_of(RowMatrix::Zero(9, 4), 2, 0.0), ErrorCode::bad_input);
    EXPECT_EQ(code_of(RowMatrix::Random(1, 4), 2, 0.0), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(RowMatrix::Random(9, 4), 0, 0.0), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(RowMatrix::Random(9, 4), 2, 1.5), ErrorCode::invalid_argument);
}

TEST(PrincipalComponents, RefuseToProjectRowsOfAnotherWidth) {
    const PrincipalComponents fitted = fit_principal_components(correlated_sample(20, 5), 2, 0.0);
    EXPECT_THROW(fitted.project(RowMatrix::Zero(3, 6)), Error);
}

}  // namespace
}  // namespace cipherfit
