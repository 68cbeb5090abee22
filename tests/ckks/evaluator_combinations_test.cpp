// Linear combinations against the single operations that they stand for.
#include "cipherfit/ckks/evaluator.h"
#include "support/errors.h"
#include "support/owner.h"

#include <array>
#include <limits>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Owner;
using test::Random;

class Combinations : public testing::Test {
  protected:
    Owner owner_{test::small_ring(8, 3)};
    KeyRequest none_;
    EvaluationKeys keys_ = owner_.keys(none_);
    Evaluator evaluator_{keys_};
    Random random_{4};

    Ciphertext draw(std::size_t level, double scale) {
        return owner_.encrypt(test::random_slots(random_, owner_.parameters.slots()), level, scale);
    }
};

TEST_F(Combinations, AreBitForBitTheSingleOperations) {
    const Ciphertext a = draw(3, 0x1p35);
    const Ciphertext b = draw(2, 0x1.8p38);
    const double scale = 0x1p70;
    Ciphertext expected = evaluator_.multiply_scalar(a, 0.3, scale, 2);
    evaluator_.add_inplace(expected, evaluator_.multiply_scalar(b, -1.7, scale, 2));
    expected = evaluator_.add_scalar(expected, 0.125);
    const std::array terms{ScaledTerm{&a, 0.3}, ScaledTerm{&b, -1.7}};
    EXPECT_TRUE(test::same_bits(evaluator_.combination(terms, 0.125, scale, 2), expected));
}

TEST_F(Combinations, AddToProductsToo) {
    const Ciphertext a = draw(3, 0x1p35);
    const Ciphertext b = draw(2, 0x1p38);
    Ciphertext sum = evaluator_.multiply(a, b);
    Ciphertext expected = evaluator_.add_scalar(
        evaluator_.add(sum, evaluator_.multiply_scalar(a, 2.5, sum.scale(), 2)), -1.0);
    const std::array terms{ScaledTerm{&a, 2.5}};
    evaluator_.add_combination_inplace(sum, terms, -1.0);
    EXPECT_EQ(sum.size(), 3U);
    EXPECT_TRUE(test::same_bits(sum, expected));
}

TEST_F(Combinations, OfNothingIsTheConstant) {
    const Ciphertext constant = evaluator_.combination({}, -3.5, 0x1p40, 1);
    for (const double value : owner_.decrypt_real(constant)) {
        EXPECT_NEAR(value, -3.5, 0x1p-40);
    }
}

TEST_F(Combinations, RefuseLowerTermsAndFactorsThatRoundAway) {
    const Ciphertext low = draw(1, 0x1p40);
    const std::array lower{ScaledTerm{&low, 1.0}};
    EXPECT_TRUE(test::throws(ErrorCode::level_mismatch, {"level 1", "level 2"}, [&] {
        static_cast<void>(evaluator_.combination(lower, 0, 0x1p70, 2));
    }));
    const std::array rounded{ScaledTerm{&low, 0.3}};
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"0.3", "larger scale"}, [&] {
        static_cast<void>(evaluator_.combination(rounded, 0, 0x1p40, 1));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"inf"}, [&] {
        static_cast<void>(
            evaluator_.combination({}, std::numeric_limits<double>::infinity(), 0x1p40, 1));
    }));
}

}  // namespace
}  // namespace cipherfit
