#include "backbone/filter_bank.h"

#include "backbone/random_conv_state.h"

#include <cmath>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(FilterBank, WeightsAreWholeZeroMeanAndOfUnitNorm) {
    for (const Eigen::Index size : {2, 3, 5, 7, 15}) {
        const FloatRows bank = make_filter_bank(7, 50, size);
        const auto taps = static_cast<double>(size * size);
        ASSERT_EQ(bank.rows(), 50);
        ASSERT_EQ(bank.cols(), size * size);
        for (Eigen::Index f = 0; f < bank.rows(); ++f) {
            const Eigen::RowVectorXd row = bank.row(f).cast<double>();
            EXPECT_EQ(row, row.array().round().matrix());
            // Rounding moves each of the taps by at most 1/2.
            EXPECT_LE(std::abs(row.sum()), 0.5 * taps);
            EXPECT_LE(std::abs(row.norm() - filter_unit), 0.5 * std::sqrt(taps));
        }
    }
}

// The first weights of seed 1, computed apart from this code by a few lines of Python with whole
// numbers of any size (tests/backbone/oracle/filter_bank.py).
TEST(FilterBank, AgreesWithAnIndependentOracle) {
    const FloatRows bank = make_filter_bank(1, 2, 5);
    const float first[] = {102, 49, -5,  2,   -4,  64,  -27, -65, -27, -3,  34,   25, 17,
                           21,  33, -63, -51, -32, -56, 62,  50,  -8,  -30, -137, 51};
    const float second[] = {12, -4, -51, 17, 61,  -77, -23,  -32, -30, 42, -34, 4, -51,
                            -6, 10, 31,  13, -12, -11, -112, -55, 24,  91, 110, 82};
    for (Eigen::Index i = 0; i < 25; ++i) {
        EXPECT_EQ(bank(0, i), first[i]) << i;
        EXPECT_EQ(bank(1, i), second[i]) << i;
    }
    EXPECT_EQ(filter_bank_fingerprint(make_filter_bank(1, 64, 5)),
              "0d73f0da1b3417fce9aa65ad8d52c47b5da9d6f1d054f698a80c8f23a117b782");
}

// Over 20,000 draws the moments of a standard normal: a standard error of 0.007 for the mean of
// the products of neighbours, 0.03 for the kurtosis.
TEST(FilterBank, WeightsLookNormal) {
    const FloatRows bank = make_filter_bank(3, 800, 5);
    // Weights of one filter have a standard deviation of 256 / sqrt(25).
    const Eigen::ArrayXXd z = bank.cast<double>().array() / 51.2;
    const double kurtosis = z.pow(4).mean() / std::pow(z.square().mean(), 2);
    // For a point uniform on the sphere of zero-mean vectors of 25 entries: 3 * 24 / 26. A sum of
    // twelve uniforms falls short of it by about 0.1.
    EXPECT_NEAR(kurtosis, 3.0 * 24.0 / 26.0, 0.2);
    // Zero mean forces a correlation of -1/24 between the taps of a filter.
    const double neighbours = (z.leftCols(24) * z.rightCols(24)).mean();
    EXPECT_NEAR(neighbours, -1.0 / 24.0, 0.03);
}

TEST(FilterBank, DifferentSeedsGiveDifferentFilters) {
    EXPECT_NE(make_filter_bank(1, 4, 3), make_filter_bank(2, 4, 3));
    EXPECT_EQ(make_filter_bank(1, 4, 3), make_filter_bank(1, 9, 3).topRows(4));
}

}  // namespace
}  // namespace cipherfit
