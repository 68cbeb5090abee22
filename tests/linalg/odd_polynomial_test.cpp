#include "cipherfit/linalg/odd_polynomial.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "support/errors.h"
#include "support/owner.h"
#include "support/property.h"
#include "support/training_noise.h"

#include <cmath>

namespace cipherfit {
namespace {

using test::holds;
using test::Owner;
using test::pick;
using test::small_ring;
using test::squared;
using test::throws;

std::vector<double> reference(const std::vector<double>& labels, const std::vector<double>& z,
                              const std::vector<double>& odd, const std::vector<double>& mask) {
    std::vector<double> result(labels.size());
    for (std::size_t j = 0; j < labels.size(); ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < odd.size(); ++k) {
            sum += odd[k] * std::pow(z[j], 2 * static_cast<int>(k) + 1);
        }
        result[j] = labels[j] - mask[j] * sum;
    }
    return result;
}

TEST(OddPolynomial, DepthsAndRelinearisations) {
    const std::size_t depths[] = {1, 2, 3, 3};
    const std::size_t relinearizations[] = {0, 2, 3, 5};
    for (const int degree : {1, 3, 5, 7}) {
        EXPECT_EQ(odd_polynomial_depth(degree), depths[degree / 2]);
        EXPECT_EQ(odd_polynomial_relinearizations(degree), relinearizations[degree / 2]);
    }
    for (const int degree : {-1, 0, 2, 4, 6, 8, 9}) {
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {std::to_string(degree)},
                           [&] { static_cast<void>(odd_polynomial_depth(degree)); }));
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {std::to_string(degree)},
                           [&] { static_cast<void>(odd_polynomial_relinearizations(degree)); }));
    }
}

TEST(OddPolynomial, LabelsMinusThePolynomialWhereTheMaskIsOne) {
    EXPECT_TRUE(holds("labels_minus_odd_polynomial", 40, [] {
        const int degree = 2 * pick(0, 4) + 1;
        const std::size_t depth = odd_polynomial_depth(degree);
        const auto levels = pick<std::size_t>(depth, depth + 3);
        const Owner owner(small_ring(9, levels));
        test::Random random(*rc::gen::arbitrary<std::uint64_t>());
        const auto level = pick<std::size_t>(depth, levels + 1);
        const auto label_level = pick<std::size_t>(level - depth + 1, levels + 1);
        KeyRequest request;
        if (degree > 1) {
            request.relinearization(level);
        }
        const EvaluationKeys keys = owner.keys(request);
        const Evaluator evaluator(keys);
        EvaluatorOperations operations(evaluator);
        // Coefficients of either sign, as fits on [-8, 8] have them: c_k of about 8^-k.
        std::vector<double> odd;
        for (int k = 0; k <= degree / 2; ++k) {
            const double sign = random() % 2 == 0 ? 1 : -1;
            odd.push_back(sign * std::pow(8.0, -1 - k) * (0.5 + std::ldexp(random() % 64, -6)));
        }
        const double z_max = 3;
        const std::size_t slots = owner.parameters.slots();
        const auto z = test::random_reals(random, slots, z_max);
        const auto labels = test::random_reals(random, slots, 0.5);
        std::vector<double> mask(slots);
        for (double& value : mask) {
            value = random() % 3 == 0 ? 0.0 : 1.0;
        }
        const double z_scale = std::exp2(38 + 0.01 * pick(0, 200));
        const double label_scale = std::exp2(34 + 0.01 * pick(0, 400));
        const double target = std::exp2(40 + 0.01 * pick(0, 200));
        const Ciphertext result =
            labels_minus_odd_polynomial(operations, owner.encrypt(labels, label_level, label_scale),
                                        owner.encrypt(z, level, z_scale), odd, mask, target)
                .release();
        RC_ASSERT(result.level() == level - depth);
        RC_ASSERT(result.size() == 2U);
        RC_ASSERT(same_scale(result.scale(), target));
        const double variance = test::odd_polynomial_variance(
            owner.parameters, level, odd, z_scale, z_max, owner.noise.fresh() / squared(z_scale),
            owner.noise.fresh() / squared(label_scale), target);
        const auto noise = test::is_at_most_noise(owner.decrypt_real(result),
                                                  reference(labels, z, odd, mask), variance);
        if (!noise) {
            RC_FAIL(noise.message());
        }
    }));
}

// Where the mask is 0 the result is the label, though z lies far outside the polynomial's range.
TEST(OddPolynomial, TheMaskCleansGarbage) {
    test::Random random(3);
    for (const int degree : {1, 3, 5, 7}) {
        const std::size_t depth = odd_polynomial_depth(degree);
        const Owner owner(small_ring(9, depth));
        KeyRequest request;
        request.relinearization(depth);
        const EvaluationKeys keys = owner.keys(request);
        const Evaluator evaluator(keys);
        EvaluatorOperations operations(evaluator);
        const std::vector<double> coefficients{0.2, -0.01, 0.0003, -0.000003};
        const std::vector<double> odd(coefficients.begin(), coefficients.begin() + degree / 2 + 1);
        const std::size_t slots = owner.parameters.slots();
        auto z = test::random_reals(random, slots, 3);
        const auto labels = test::random_reals(random, slots, 0.5);
        std::vector<double> mask(slots, 1.0);
        const double garbage = 12;  // a multiple of the range of z
        for (std::size_t j = 0; j < slots; j += 3) {
            z[j] = j % 2 == 0 ? garbage : -garbage;
            mask[j] = 0;
        }
        const Ciphertext result =
            labels_minus_odd_polynomial(operations, owner.encrypt(labels, depth, 0x1p36),
                                        owner.encrypt(z, depth, 0x1p40), odd, mask, 0x1p40)
                .release();
        const double fresh = owner.noise.fresh();
        const double variance =
            test::odd_polynomial_variance(owner.parameters, depth, odd, 0x1p40, garbage,
                                          fresh * 0x1p-80, fresh * 0x1p-72, 0x1p40);
        EXPECT_TRUE(test::is_at_most_noise(owner.decrypt_real(result),
                                           reference(labels, z, odd, mask), variance))
            << degree;
    }
}

TEST(OddPolynomial, RefusesWithValues) {
    const Owner owner(small_ring(8, 3));
    const EvaluationKeys keys(owner.parameters);
    const Evaluator evaluator(keys);
    EvaluatorOperations operations(evaluator);
    const std::vector<double> half{0.5};
    const std::vector<double> mask(128, 1.0);
    const Ciphertext labels = owner.encrypt(half, 3, 0x1p40);
    const auto evaluate = [&](std::vector<double> odd, std::size_t level) {
        return [&, odd, level] {
            static_cast<void>(labels_minus_odd_polynomial(operations, Handle::borrow(labels),
                                                          owner.encrypt(half, level, 0x1p40), odd,
                                                          mask, 0x1p40));
        };
    };
    constexpr auto bad = ErrorCode::invalid_argument;
    EXPECT_TRUE(throws(bad, {"9"}, evaluate({1, 1, 1, 1, 1}, 3)));
    EXPECT_TRUE(throws(bad, {"-1"}, evaluate({}, 3)));
    EXPECT_TRUE(throws(bad, {"leading coefficient"}, evaluate({0.2, 0.0}, 3)));
    EXPECT_TRUE(
        throws(ErrorCode::level_exhausted, {"2 levels", "1 are left"}, evaluate({0.2, -0.01}, 1)));
    EXPECT_TRUE(throws(ErrorCode::missing_key, {"relinearisation"}, evaluate({0.2, -0.01}, 3)));
    EXPECT_NO_THROW(evaluate({0.2}, 1)());
}

}  // namespace
}  // namespace cipherfit
