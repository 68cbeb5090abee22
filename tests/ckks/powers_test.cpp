// Powers of X, and pairs that are taken apart.
#include "ckks/bootstrap/powers.h"

#include "support/errors.h"
#include "support/owner.h"

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

constexpr double input_scale = 0x1p40;
constexpr std::size_t level = 3;
// Of a slot's error, of which there are a few hundred, in either part.
constexpr double deviations = 8;

class Powers : public testing::Test {
  protected:
    Owner owner_{test::small_ring(9, level, 40, 2)};
    std::size_t slots_ = owner_.parameters.slots();
    Random random_{17};
};

// X^k at the root of slot j, zeta^(5^j), by the definition.
TEST_F(Powers, MultipliesByPowersOfX) {
    const Ring& ring = owner_.parameters.ring();
    const Slots v = test::random_slots(random_, slots_);
    const Ciphertext a = owner_.encrypt(v, level, input_scale);
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

TEST_F(Powers, PairsAreSplitAtTwiceTheScale) {
    KeyRequest request;
    request.conjugation(level);
    const EvaluationKeys keys = owner_.keys(request);
    const Slots v = test::random_slots(random_, slots_);
    const auto [real, imaginary] =
        split_pair(Evaluator(keys), owner_.encrypt(v, level, input_scale));
    Slots expected_real(slots_);
    Slots expected_imaginary(slots_);
    for (std::size_t j = 0; j < slots_; ++j) {
        expected_real[j] = v[j].real();
        expected_imaginary[j] = v[j].imag();
    }
    EXPECT_EQ(real.scale(), 2 * input_scale);
    const double bound = deviations *
                         std::sqrt(owner_.noise.fresh() + owner_.noise.key_switching(level)) /
                         input_scale;
    EXPECT_LT(test::max_abs_error(owner_.decrypt(real), expected_real), bound);
    EXPECT_LT(test::max_abs_error(owner_.decrypt(imaginary), expected_imaginary), bound);
}

}  // namespace
}  // namespace cipherfit
