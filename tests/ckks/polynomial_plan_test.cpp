// How polynomials are cut up: depth, counts, and the value of the plan in double precision.
#include "ckks/polynomial_plan.h"

#include "cipherfit/base/error.h"

#include <bit>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

double power(PolynomialBasis basis, std::size_t k, double y) {
    return basis == PolynomialBasis::monomial ? std::pow(y, static_cast<double>(k))
                                              : std::cos(static_cast<double>(k) * std::acos(y));
}

double value(PolynomialBasis basis, const PolynomialSum& sum, double y) {
    double result = sum.constant;
    for (const auto& [k, c] : sum.terms) {
        result += c * power(basis, k, y);
    }
    for (const auto& [quotient, giant] : sum.products) {
        result += value(basis, quotient, y) * power(basis, giant, y);
    }
    return result;
}

// ceil(log2 k): how many levels below x the power is made.
std::size_t depth_of_power(std::size_t k) {
    return static_cast<std::size_t>(std::bit_width(k - 1));
}

// The depth at which the sum can be rescaled at the earliest.
std::size_t earliest(const PolynomialSum& sum) {
    std::size_t depth = 0;
    for (const auto& term : sum.terms) {
        depth = std::max(depth, depth_of_power(term.power));
    }
    for (const auto& [quotient, giant] : sum.products) {
        depth = std::max({depth, depth_of_power(giant), earliest(quotient) + 1});
    }
    return depth;
}

Polynomial random_coefficients(PolynomialBasis basis, std::size_t degree, unsigned seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    Polynomial polynomial{.basis = basis, .coefficients = {}};
    for (std::size_t k = 0; k <= degree; ++k) {
        polynomial.coefficients.push_back(uniform(random));
    }
    return polynomial;
}

TEST(PolynomialPlan, HasTheLeastDepthForEveryDegree) {
    for (const auto basis : {PolynomialBasis::monomial, PolynomialBasis::chebyshev}) {
        for (std::size_t degree = 1; degree <= 300; ++degree) {
            const auto plan = plan_polynomial(random_coefficients(basis, degree, 1));
            const auto least =
                static_cast<std::size_t>(std::ceil(std::log2(static_cast<double>(degree) + 1.0)));
            EXPECT_EQ(plan.depth, least) << degree;
            EXPECT_LE(earliest(plan.sum) + 1, plan.depth) << degree;
        }
    }
}

TEST(PolynomialPlan, IsTheSamePolynomial) {
    for (const auto basis : {PolynomialBasis::monomial, PolynomialBasis::chebyshev}) {
        for (const std::size_t degree : {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 63, 64, 100, 255}) {
            const auto polynomial = random_coefficients(basis, degree, 2);
            const auto plan = plan_polynomial(polynomial);
            for (const double y : {-1.0, -0.7, 0.0, 0.3, 0.99}) {
                // Each of at most 8 nested divisions doubles coefficients below 1.
                EXPECT_NEAR(value(basis, plan.sum, y), polynomial(y),
                            0x1p-52 * 256 * static_cast<double>(degree + 1))
                    << degree << " at " << y;
            }
        }
    }
}

TEST(PolynomialPlan, MakesEveryPowerFromPowersAtHand) {
    const auto plan = plan_polynomial(random_coefficients(PolynomialBasis::chebyshev, 255, 3));
    for (const std::size_t k : plan.powers) {
        if (k == 1) {
            continue;
        }
        const PowerSplit split = split_power(k);
        EXPECT_EQ(split.high + split.low, k);
        EXPECT_EQ(split.high - split.low, split.difference);
        EXPECT_TRUE(plan.powers.contains(split.high) && plan.powers.contains(split.low)) << k;
        EXPECT_TRUE(split.difference == 0 || plan.powers.contains(split.difference)) << k;
        EXPECT_EQ(depth_of_power(k),
                  std::max(depth_of_power(split.high), depth_of_power(split.low)) + 1);
    }
}

TEST(PolynomialPlan, NeedsFewRelinearisations) {
    for (const std::size_t degree : {7, 15, 31, 63, 127, 255, 300}) {
        const auto plan =
            plan_polynomial(random_coefficients(PolynomialBasis::chebyshev, degree, 4));
        // 2^b - 1 babies, the giants and degree / 2^b blocks: at most 2 sqrt(2 degree) + log2.
        const double most = 2.0 * std::sqrt(2.0 * static_cast<double>(degree)) +
                            std::log2(static_cast<double>(degree));
        EXPECT_LE(static_cast<double>(plan.relinearizations), most) << degree;
        EXPECT_LE(plan.relinearizations, plan.products);
    }
}

TEST(PolynomialPlan, LeavesOutEvenBabiesOfAnOddPolynomial) {
    Polynomial odd = random_coefficients(PolynomialBasis::chebyshev, 63, 5);
    for (std::size_t k = 0; k < 64; k += 2) {
        odd.coefficients[k] = 0;
    }
    const auto plan = plan_polynomial(odd);
    for (const std::size_t k : plan.powers) {
        EXPECT_TRUE(k % 2 == 1 || std::has_single_bit(k)) << k;
    }
    EXPECT_LT(
        plan.relinearizations,
        plan_polynomial(random_coefficients(PolynomialBasis::chebyshev, 63, 5)).relinearizations);
}

TEST(PolynomialPlan, RefusesWhatIsNoPolynomialOfACiphertext) {
    Polynomial polynomial;
    EXPECT_THROW(plan_polynomial(polynomial), Error);
    polynomial.coefficients = {1.0, 0.0, 0.0};  // a constant
    EXPECT_THROW(plan_polynomial(polynomial), Error);
    polynomial.coefficients = {1.0, std::nan("")};
    EXPECT_THROW(plan_polynomial(polynomial), Error);
    polynomial.coefficients.assign(1025, 1.0);
    EXPECT_THROW(plan_polynomial(polynomial), Error);
    polynomial = {.basis = PolynomialBasis::chebyshev, .coefficients = {0, 1}, .a = 1, .b = 1};
    EXPECT_THROW(plan_polynomial(polynomial), Error);
}

TEST(ChebyshevFit, ReproducesPolynomialsUpToItsDegree) {
    const auto cubic = [](double x) { return 2.0 - x + 0.5 * x * x * x; };
    const auto fit = chebyshev_fit(cubic, -3.0, 5.0, 6);
    EXPECT_EQ(fit.degree(), 3U);
    for (double x = -3.0; x <= 5.0; x += 0.25) {
        EXPECT_NEAR(fit(x), cubic(x), 1e-12) << x;
    }
}

TEST(ChebyshevFit, MeetsTheErrorOfTheGeometricRate) {
    // 1 / (1 + exp(-x)) is analytic but for poles at +- i pi: in the Bernstein ellipse of
    // rho = v + sqrt(v^2 + 1), v = pi / 8 on [-8, 8]. |f| <= M = 6 holds in the ellipse of
    // 0.9 v, where |1 + exp(-x)| >= sin(0.1 pi) / 2 along the imaginary axis; the error of
    // interpolation is at most 4 M rho^-n / (rho - 1) (Trefethen, theorem 8.2).
    const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
    const double v = 0.9 * std::acos(-1.0) / 8.0;
    const double rho = v + std::sqrt(v * v + 1.0);
    for (const std::size_t degree : {15, 31, 63}) {
        const auto fit = chebyshev_fit(sigmoid, -8, 8, degree);
        const double bound = 4.0 * 6.5 * std::pow(rho, -static_cast<double>(degree)) / (rho - 1.0);
        for (double x = -8; x <= 8; x += 0.125) {
            EXPECT_LE(std::abs(fit(x) - sigmoid(x)), bound + 1e-14) << degree << " at " << x;
        }
    }
}

TEST(ChebyshevFit, OfAnOddFunctionIsOdd) {
    const auto fit = chebyshev_fit([](double x) { return std::sin(x); }, -2, 2, 21);
    for (std::size_t k = 0; k <= 21; k += 2) {
        EXPECT_EQ(fit.coefficients[k], 0.0) << k;
    }
}

TEST(ChebyshevFit, RefusesBadIntervalsAndFunctions) {
    const auto inverse = [](double x) { return 1.0 / x; };
    EXPECT_THROW(chebyshev_fit(inverse, 1, 1, 3), Error);
    EXPECT_THROW(chebyshev_fit(inverse, 2, 1, 3), Error);
    EXPECT_THROW(chebyshev_fit(inverse, 1, 2, 0), Error);
    EXPECT_THROW(chebyshev_fit([](double) { return std::nan(""); }, 0, 1, 3), Error);
}

}  // namespace
}  // namespace cipherfit
