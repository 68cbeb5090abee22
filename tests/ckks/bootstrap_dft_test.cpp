// The factored transforms of bootstrapping, in doubles.
#include "ckks/bootstrap/dft_factors.h"
#include "ckks/bootstrap/diagonal_matrix.h"
#include "ckks/bootstrap/encoded_matrix.h"
#include "support/errors.h"
#include "support/owner.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Random;
using test::Slots;
using Complex = std::complex<double>;

std::size_t reversed(std::size_t value, unsigned bits) {
    std::size_t result = 0;
    for (unsigned i = 0; i < bits; ++i) {
        result |= ((value >> i) & 1U) << (bits - 1 - i);
    }
    return result;
}

Slots bit_reversed(const Slots& values) {
    Slots result(values.size());
    const auto bits = static_cast<unsigned>(std::countr_zero(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        result[i] = values[reversed(i, bits)];
    }
    return result;
}

// The definition: slot j of the real polynomial with coefficients Re t_k (k) and Im t_k (k + n) is
// its value at zeta^(5^j), zeta = exp(pi i / (2 n)).
Slots embed(const Slots& t) {
    const std::size_t n = t.size();
    Slots slots(n);
    std::size_t power = 1;
    for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < 2 * n; ++k) {
            const double coefficient = k < n ? t[k].real() : t[k - n].imag();
            slots[j] += coefficient * std::polar(1.0, std::numbers::pi *
                                                          static_cast<double>(power * k % (4 * n)) /
                                                          static_cast<double>(2 * n));
        }
        power = power * 5 % (4 * n);
    }
    return slots;
}

Slots apply(const std::vector<DiagonalMatrix>& factors, Slots values) {
    for (const DiagonalMatrix& factor : factors) {
        Slots repeated(factor.size);
        for (std::size_t j = 0; j < factor.size; ++j) {
            repeated[j] = values[j % values.size()];
        }
        values = factor(repeated);
    }
    return values;
}

Slots joined(const Slots& a, const Slots& b) {
    Slots result = a;
    result.insert(result.end(), b.begin(), b.end());
    return result;
}

// n log n additions and products of numbers of size at most n, twice.
double rounding(std::size_t n) {
    return 0x1p-50 * static_cast<double>(n) * 32;
}

struct Shape {
    unsigned log_slots;
    std::size_t factors;
};

class DftFactors : public testing::TestWithParam<Shape> {
  protected:
    std::size_t n_ = std::size_t{1} << GetParam().log_slots;
    std::vector<std::size_t> stages_ = split_stages(GetParam().log_slots, GetParam().factors);
    Random random_{GetParam().log_slots * 10 + GetParam().factors};
    Slots t_ = test::random_slots(random_, n_);
};

TEST_P(DftFactors, SlotsToCoeffsIsTheEmbedding) {
    const auto factors = slots_to_coeffs_factors(GetParam().log_slots, stages_, false);
    EXPECT_EQ(factors.size(), GetParam().factors);
    EXPECT_LT(test::max_abs_error(apply(factors, bit_reversed(t_)), embed(t_)), rounding(n_));
}

TEST_P(DftFactors, CoeffsToSlotsInvertsItUpToTheFactorN) {
    const auto factors = coeffs_to_slots_factors(GetParam().log_slots, stages_, false);
    Slots expected = bit_reversed(t_);
    for (Complex& value : expected) {
        value *= static_cast<double>(n_);
    }
    EXPECT_LT(test::max_abs_error(apply(factors, embed(t_)), expected), rounding(n_));
}

TEST_P(DftFactors, SideBySideHoldsRealAndImaginaryParts) {
    const auto down = coeffs_to_slots_factors(GetParam().log_slots, stages_, true);
    Slots parts = apply(down, embed(t_));
    ASSERT_EQ(parts.size(), 2 * n_);
    const Slots order = bit_reversed(t_);
    for (std::size_t k = 0; k < n_; ++k) {
        EXPECT_NEAR(2 * parts[k].real(), 2 * static_cast<double>(n_) * order[k].real(),
                    rounding(n_));
        EXPECT_NEAR(2 * parts[k + n_].real(), 2 * static_cast<double>(n_) * order[k].imag(),
                    rounding(n_));
    }
    // And back: the halves of the first matrix' result are added by the caller.
    Slots real;
    Slots imaginary;
    for (const Complex& value : order) {
        real.emplace_back(value.real());
        imaginary.emplace_back(value.imag());
    }
    const auto up = slots_to_coeffs_factors(GetParam().log_slots, stages_, true);
    Slots values = up.front()(joined(real, imaginary));
    Slots sum(n_);
    for (std::size_t k = 0; k < n_; ++k) {
        sum[k] = values[k] + values[k + n_];
    }
    EXPECT_LT(test::max_abs_error(apply({up.begin() + 1, up.end()}, sum), embed(t_)), rounding(n_));
}

TEST_P(DftFactors, AreSparse) {
    const auto down = coeffs_to_slots_factors(GetParam().log_slots, stages_, true);
    const auto up = slots_to_coeffs_factors(GetParam().log_slots, stages_, false);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const std::size_t radix = std::size_t{1} << stages_[i];
        EXPECT_EQ(down[i].diagonals.size(), i == 0 ? radix : 2 * radix - 1);
        EXPECT_EQ(up[i].diagonals.size(), i + 1 == stages_.size() ? radix : 2 * radix - 1);
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DftFactors,
                         testing::Values(Shape{1, 1}, Shape{2, 1}, Shape{4, 2}, Shape{5, 3},
                                         Shape{7, 3}, Shape{8, 2}),
                         [](const auto& test) {
                             return std::to_string(test.param.log_slots) + "_" +
                                    std::to_string(test.param.factors);
                         });

TEST(SplitStages, IsEvenWithTheLargerOnesFirst) {
    EXPECT_EQ(split_stages(11, 3), (std::vector<std::size_t>{4, 4, 3}));
    EXPECT_EQ(split_stages(15, 3), (std::vector<std::size_t>{5, 5, 5}));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"3", "4"}, [] { split_stages(3, 4); }));
}

TEST(DiagonalMatrix, ProductsApplyTheRightFactorFirst) {
    Random random(3);
    const auto draw = [&](std::initializer_list<std::size_t> offsets) {
        DiagonalMatrix matrix{16, {}};
        for (const std::size_t offset : offsets) {
            matrix.diagonals[offset] = test::random_slots(random, 16);
        }
        return matrix;
    };
    const DiagonalMatrix left = draw({0, 3, 15});
    const DiagonalMatrix right = draw({1, 2, 13});
    const Slots v = test::random_slots(random, 16);
    EXPECT_LT(test::max_abs_error(multiply(left, right)(v), left(right(v))), 0x1p-46);
}

// Babies, and steps from the outermost giant on one side to that on the other.
std::size_t rotations_of(const DiagonalMatrix& matrix) {
    const BabyGiantSteps split = split_offsets(matrix);
    std::set<std::size_t> babies;
    std::int64_t lowest = 0;
    std::int64_t highest = 0;
    for (const auto& [offset, step] : split.steps) {
        babies.insert(step.baby);
        lowest = std::min(lowest, step.giant);
        highest = std::max(highest, step.giant);
    }
    return babies.size() + static_cast<std::size_t>(highest - lowest);
}

TEST(SplitOffsets, TakesAboutTheSquareRootOfTheRotationsForEveryFactor) {
    const auto stages = split_stages(8, 2);
    for (const bool side_by_side : {false, true}) {
        for (const auto& factors : {coeffs_to_slots_factors(8, stages, side_by_side),
                                    slots_to_coeffs_factors(8, stages, side_by_side)}) {
            for (const DiagonalMatrix& factor : factors) {
                EXPECT_LE(static_cast<double>(rotations_of(factor)),
                          2.5 * std::sqrt(static_cast<double>(factor.diagonals.size())));
            }
        }
    }
}

TEST(SplitOffsets, CoversEveryOffsetOnce) {
    for (const std::size_t offset_count : {1U, 3U, 15U, 31U, 63U}) {
        DiagonalMatrix matrix{256, {}};
        for (std::size_t k = 0; k < offset_count; ++k) {
            matrix.diagonals[(256 + 2 * k - 2 * (offset_count / 2)) % 256] = Slots(256, 1.0);
        }
        const auto split = split_offsets(matrix);
        ASSERT_EQ(split.steps.size(), offset_count);
        std::set<std::size_t> babies;
        std::set<std::int64_t> giants;
        for (const auto& [offset, step] : split.steps) {
            const std::int64_t k = step.giant * split.stride + static_cast<std::int64_t>(step.baby);
            EXPECT_EQ(static_cast<std::size_t>(k + 256) % 256, offset);
            babies.insert(step.baby);
            giants.insert(step.giant);
        }
        // Both about the square root of the offsets; Horner's rule walks from end to end.
        const auto walked = static_cast<std::size_t>(*giants.rbegin() - *giants.begin());
        EXPECT_LE(static_cast<double>(babies.size() + walked),
                  4 * std::sqrt(static_cast<double>(offset_count)));
    }
}

}  // namespace
}  // namespace cipherfit
