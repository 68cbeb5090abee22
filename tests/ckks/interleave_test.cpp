// Several messages in one: joined, taken apart, and through a bootstrapping.
#include "ckks/bootstrap/interleave.h"

#include "support/errors.h"
#include "support/owner.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Owner;
using test::Random;
using test::Slots;
using Complex = std::complex<double>;

constexpr double scale = 0x1p40;
constexpr std::size_t level = 3;
// Of a slot's error, of which there are a few hundred, in either part.
constexpr double deviations = 8;

Slots repeated(const Slots& values, std::size_t count) {
    Slots result(count);
    for (std::size_t j = 0; j < count; ++j) {
        result[j] = values[j % values.size()];
    }
    return result;
}

class Interleave : public testing::Test {
  protected:
    Owner owner_{test::small_ring(9, level, 40, 2)};
    std::size_t slots_ = owner_.parameters.slots();
    Random random_{17};
};

// X^k at the root of slot j, zeta^(5^j), by the definition.
TEST_F(Interleave, MultipliesByPowersOfX) {
    const Ring& ring = owner_.parameters.ring();
    const Slots v = test::random_slots(random_, slots_);
    const Ciphertext a = owner_.encrypt(v, level, scale);
    const std::size_t n = ring.n();
    for (const std::size_t power :
         {std::size_t{0}, std::size_t{1}, std::size_t{5}, n / 2, n - 1, n, n + 3, 2 * n - 1}) {
        Slots expected = owner_.decrypt(a);
        std::size_t root = 1;
        for (Complex& value : expected) {
            value *=
                std::polar(1.0, std::numbers::pi * static_cast<double>(root * power % (2 * n)) /
                                    static_cast<double>(n));
            root = root * 5 % (2 * n);
        }
        // Only the decoder's doubles round.
        EXPECT_LT(test::max_abs_error(owner_.decrypt(multiply_by_power(ring, a, power)), expected),
                  0x1p-44)
            << power;
    }
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"X^1024"},
                             [&] { static_cast<void>(multiply_by_power(ring, a, 2 * n)); }));
}

// What comes out is `count` times what went in, with the fresh error of each ciphertext spread over
// the others, and the key switches' of every halving, which later ones double.
TEST_F(Interleave, BlocksComeOutAsTheyWentIn) {
    for (const std::size_t count : {1U, 2U, 4U, 8U}) {
        for (std::size_t blocks = count / 2 + 1; blocks <= count; ++blocks) {
            const std::size_t period = 16;
            const EvaluationKeys keys = owner_.keys(take_apart_keys(slots_, period, count, level));
            const Evaluator evaluator(keys);
            std::vector<Slots> values;
            std::vector<Ciphertext> encrypted;
            for (std::size_t b = 0; b < blocks; ++b) {
                values.push_back(repeated(test::random_slots(random_, period), slots_));
                encrypted.push_back(owner_.encrypt(values.back(), level, scale));
            }
            const Ciphertext joined = interleave(evaluator, encrypted, period, count);
            EXPECT_EQ(joined.level(), level);
            EXPECT_EQ(joined.scale(), scale);
            const auto apart = take_apart(evaluator, joined.copy(), period, count, blocks);
            ASSERT_EQ(apart.size(), blocks);
            const auto c = static_cast<double>(count);
            const double variance = c * c *
                                    (static_cast<double>(blocks) * owner_.noise.fresh() +
                                     owner_.noise.key_switching(level));
            for (std::size_t b = 0; b < blocks; ++b) {
                Slots expected = values[b];
                for (Complex& value : expected) {
                    value *= c;
                }
                EXPECT_LT(test::max_abs_error(owner_.decrypt(apart[b]), expected),
                          deviations * std::sqrt(variance) / scale)
                    << b << " of " << blocks << " in " << count;
            }
        }
    }
}

// The joined polynomial has the blocks' coefficients and no others.
TEST_F(Interleave, NoCoefficientGrows) {
    const std::size_t period = 8;
    const EvaluationKeys keys = owner_.keys({});
    const Evaluator evaluator(keys);
    std::vector<Ciphertext> encrypted;
    double largest = 0;
    for (int b = 0; b < 4; ++b) {
        const Slots values = test::random_slots(random_, period);
        largest = std::max(largest, largest_coefficient(values));
        encrypted.push_back(owner_.encrypt(repeated(values, slots_), level, scale));
    }
    const Slots joined = owner_.decrypt(interleave(evaluator, encrypted, period, 4));
    const Slots once(joined.begin(), joined.begin() + 4 * 8);
    EXPECT_NEAR(largest_coefficient(once), largest, 1e-6);
    for (std::size_t j = 0; j < slots_; ++j) {
        EXPECT_LT(std::abs(joined[j] - once[j % once.size()]), 1e-6);
    }
}

TEST_F(Interleave, RefusesWhatDoesNotFit) {
    const EvaluationKeys keys = owner_.keys({});
    const Evaluator evaluator(keys);
    std::vector<Ciphertext> blocks;
    const auto join = [&](std::size_t period, std::size_t count) {
        return
            [&, period, count] { static_cast<void>(interleave(evaluator, blocks, period, count)); };
    };
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"0 messages"}, join(16, 1)));
    blocks.push_back(owner_.encrypt(Slots(slots_, 0.5), level, scale));
    blocks.push_back(blocks[0].copy());
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"2 messages"}, join(16, 1)));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"cannot be 3"}, join(16, 3)));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"256 slots"}, join(256, 2)));
}

TEST_F(Interleave, PairsAreSplitAtTwiceTheScale) {
    KeyRequest request;
    request.conjugation(level);
    const EvaluationKeys keys = owner_.keys(request);
    const Slots v = test::random_slots(random_, slots_);
    const auto [real, imaginary] = split_pair(Evaluator(keys), owner_.encrypt(v, level, scale));
    Slots expected_real(slots_);
    Slots expected_imaginary(slots_);
    for (std::size_t j = 0; j < slots_; ++j) {
        expected_real[j] = v[j].real();
        expected_imaginary[j] = v[j].imag();
    }
    EXPECT_EQ(real.scale(), 2 * scale);
    const double bound =
        deviations * std::sqrt(owner_.noise.fresh() + owner_.noise.key_switching(level)) / scale;
    EXPECT_LT(test::max_abs_error(owner_.decrypt(real), expected_real), bound);
    EXPECT_LT(test::max_abs_error(owner_.decrypt(imaginary), expected_imaginary), bound);
}

}  // namespace
}  // namespace cipherfit
