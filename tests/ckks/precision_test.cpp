#include "cipherfit/ckks/precision.h"

#include "support/errors.h"

#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using Values = std::vector<std::complex<double>>;

TEST(Precision, IsOfTheMeanAndTheLargestComplexError) {
    const PrecisionStats stats =
        precision(Values{{1, 3.0 / 512}, {2, 0}}, Values{{1 - 4.0 / 512, 0}, {2, 0}});
    EXPECT_DOUBLE_EQ(stats.worst_bits(), -std::log2(5.0 / 512));
    EXPECT_DOUBLE_EQ(stats.mean_bits(), -std::log2(2.5 / 512));
    EXPECT_EQ(stats.values, 2U);
    EXPECT_TRUE(std::isinf(precision(Values{1.0}, Values{1.0}).mean_bits()));
}

TEST(Precision, MergesAsIfMeasuredInOne) {
    const Values expected{0.0, 0.0, 0.0};
    const Values actual{0.5, 0.25, 0.125};
    PrecisionStats merged;
    for (std::size_t i = 0; i < 3; ++i) {
        merged.merge(precision(std::span(actual).subspan(i, 1), std::span(expected).subspan(i, 1)));
    }
    const PrecisionStats all = precision(actual, expected);
    EXPECT_DOUBLE_EQ(merged.mean_error, all.mean_error);
    EXPECT_EQ(merged.worst_error, all.worst_error);
    EXPECT_EQ(merged.values, 3U);
}

TEST(Precision, OfWhatIsNotANumberIsNone) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const PrecisionStats stats = precision(Values{nan, 1.0}, Values{1.0, 1.0});
    EXPECT_EQ(stats.worst_bits(), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(stats.mean_bits(), -std::numeric_limits<double>::infinity());
}

TEST(Precision, RefusesUnequalCounts) {
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"1 values with 2"},
                             [] { static_cast<void>(precision(Values{1.0}, Values{1.0, 2.0})); }));
}

}  // namespace
}  // namespace cipherfit
