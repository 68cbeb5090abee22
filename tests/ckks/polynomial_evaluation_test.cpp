// Polynomials of ciphertexts against the same polynomials in double precision.
#include "cipherfit/base/error.h"
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/ckks/polynomial.h"
#include "ckks/polynomial_plan.h"

#include <cmath>
#include <map>
#include <optional>
#include <random>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

constexpr std::size_t top = 9;

const Parameters& parameters() {
    static const Parameters value = [] {
        ParametersLiteral literal{.log_n = 11,
                                  .q_bits = std::vector<unsigned>(top + 1, 40),
                                  .p_bits = {45, 45, 45, 45},
                                  .digits = 3,
                                  .insecure_for_tests_only = true};
        literal.q_bits[0] = 50;
        return Parameters::create(literal);
    }();
    return value;
}

// Both roles in one process.
struct Party {
    SecretKey key = SecretKey::generate(parameters());
    EvaluationKeys keys = [this] {
        KeyRequest request;
        request.relinearization(top);
        return KeyGenerator(key).evaluation_keys(request);
    }();
    Evaluator evaluator{keys};
};

Party& party() {
    static Party value;
    return value;
}

std::vector<double> random_values(double a, double b, unsigned seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(a, b);
    std::vector<double> values(parameters().slots());
    std::generate(values.begin(), values.end(), [&] { return uniform(random); });
    values[0] = a;
    values[1] = b;
    return values;
}

// Bounds that hold but for events of eight standard deviations.
class Bound {
  public:
    // `points`: the variable x or y in [-1, 1], with an error of at most `error`.
    Bound(PolynomialBasis basis, const std::vector<double>& points, double error, double target)
        : basis_(basis), points_(points), target_(target) {
        errors_[1] = error;
    }

    // Of a fresh ciphertext: encryption (sigma = 3.2) and encoding.
    static double fresh(double scale) {
        const auto n = static_cast<double>(parameters().n());
        return 8 * std::sqrt(n * (3.2 * 3.2 + 1.0 / 12)) / scale;
    }

    // Rounding of c_0 and of c_1 s; key switching adds its error divided by P q, which is less
    // than a tenth of it.
    static double rescaling(double scale) {
        const auto n = static_cast<double>(parameters().n());
        return 8 * 1.1 * std::sqrt(n / 12 * (1 + 2 * n / 3)) / scale;
    }

    double of(const PolynomialSum& sum) {
        double error = rescaling(target_);
        for (const auto& [k, c] : sum.terms) {
            error += std::abs(c) * of_power(k) + coefficient_rounding;
        }
        for (const auto& [quotient, giant] : sum.products) {
            error += of(quotient) * (1 + of_power(giant)) + largest(quotient) * of_power(giant);
        }
        return error;
    }

  private:
    // Half a unit of round(c S / s_k), S = target q, where s_k < 2 target.
    static constexpr double coefficient_rounding = 0x1p-39;

    double of_power(std::size_t k) {
        if (const auto known = errors_.find(k); known != errors_.end()) {
            return known->second;
        }
        const PowerSplit split = split_power(k);
        const double a = of_power(split.high);
        const double b = of_power(split.low);
        // |x| and |T_k| are at most 1.
        double error = a + b + a * b;
        if (basis_ == PolynomialBasis::chebyshev) {
            error = 2 * error + coefficient_rounding +
                    (split.difference == 0 ? 0 : of_power(split.difference));
        }
        return errors_[k] = error + rescaling(0x1p39);
    }

    double largest(const PolynomialSum& sum) const {
        double result = 0;
        for (const double y : points_) {
            result = std::max(result, std::abs(value(sum, y)));
        }
        return result;
    }

    double value(const PolynomialSum& sum, double y) const {
        const auto power = [&](std::size_t k) {
            return basis_ == PolynomialBasis::monomial
                       ? std::pow(y, static_cast<double>(k))
                       : std::cos(static_cast<double>(k) * std::acos(y));
        };
        double result = sum.constant;
        for (const auto& [k, c] : sum.terms) {
            result += c * power(k);
        }
        for (const auto& [quotient, giant] : sum.products) {
            result += value(quotient, y) * power(giant);
        }
        return result;
    }

    PolynomialBasis basis_;
    const std::vector<double>& points_;
    double target_;
    std::map<std::size_t, double> errors_;
};

Ciphertext encrypted(const std::vector<double>& values, std::size_t level, double scale) {
    return encrypt(party().key, party().evaluator.encoder().encode(values, level, scale));
}

// Every slot of the result against doubles; `error` is that of x.
void expect_close(const Polynomial& polynomial, const std::vector<double>& values,
                  const Ciphertext& result, double error) {
    const bool chebyshev = polynomial.basis == PolynomialBasis::chebyshev;
    const double middle = chebyshev ? (polynomial.a + polynomial.b) / 2 : 0;
    const double half = chebyshev ? (polynomial.b - polynomial.a) / 2 : 1;
    std::vector<double> points;
    for (const double value : values) {
        points.push_back(std::clamp((value - middle) / half, -1.0, 1.0));
    }
    Bound bound(polynomial.basis, points, error / half, result.scale());
    const double allowed = bound.of(plan_polynomial(polynomial).sum);
    EXPECT_LT(allowed, 0x1p-15) << "the bound says nothing";
    const auto decoded = party().evaluator.encoder().decode(decrypt(party().key, result));
    double largest = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        largest = std::max(largest, std::abs(decoded[i] - polynomial(values[i])));
    }
    EXPECT_LE(largest, allowed) << "degree " << polynomial.degree();
}

// Evaluates at `level`, checks level, scale and every slot.
void check(const Polynomial& polynomial, std::size_t level, double target) {
    const auto values =
        random_values(polynomial.a, polynomial.b, static_cast<unsigned>(polynomial.degree()));
    const double scale = natural_scale(parameters(), polynomial, level);
    const auto x = encrypted(values, level, scale);
    const auto result = evaluate_polynomial(party().evaluator, polynomial, x, target);
    EXPECT_EQ(result.level(), level - polynomial_depth(polynomial));
    EXPECT_EQ(result.size(), 2U);
    EXPECT_TRUE(same_scale(result.scale(), target));
    expect_close(polynomial, values, result, Bound::fresh(scale));
}

Polynomial random_polynomial(PolynomialBasis basis, std::size_t degree, unsigned seed) {
    Polynomial polynomial{.basis = basis, .coefficients = random_values(-1, 1, seed)};
    polynomial.coefficients.resize(degree + 1);
    for (double& c : polynomial.coefficients) {
        c /= static_cast<double>(degree + 1);
    }
    return polynomial;
}

class PolynomialEvaluation : public testing::TestWithParam<std::size_t> {};

TEST_P(PolynomialEvaluation, MonomialMatchesDoubles) {
    check(random_polynomial(PolynomialBasis::monomial, GetParam(), 11), top, 0x1p40);
}

TEST_P(PolynomialEvaluation, ChebyshevMatchesDoubles) {
    check(random_polynomial(PolynomialBasis::chebyshev, GetParam(), 12), top, 0x1p40);
}

// Exactly the depth, ending at level 0, at another scale than the primes'.
TEST_P(PolynomialEvaluation, NeedsNoLevelBeyondItsDepth) {
    auto polynomial = random_polynomial(PolynomialBasis::chebyshev, GetParam(), 13);
    check(polynomial, polynomial_depth(polynomial), 0x1p38);
}

INSTANTIATE_TEST_SUITE_P(Degrees, PolynomialEvaluation,
                         testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 21, 31, 32, 63, 100,
                                         127, 255));

TEST(PolynomialEvaluationOnIntervals, FitsTheSigmoid) {
    check(chebyshev_fit([](double x) { return 1 / (1 + std::exp(-x)); }, -8, 8, 31), top, 0x1p40);
}

TEST(PolynomialEvaluationOnIntervals, ShiftsAnIntervalThatIsNotCentred) {
    check(chebyshev_fit([](double x) { return std::log(x); }, 1, 9, 23), top, 0x1p40);
}

TEST(PolynomialEvaluationOnIntervals, BringsAnyScaleToTheNaturalOneInOneLevel) {
    const auto polynomial = chebyshev_fit([](double x) { return std::exp(x); }, -4, 4, 15);
    const auto& evaluator = party().evaluator;
    const auto values = random_values(-4, 4, 3);
    const auto x = encrypted(values, top, 0x1p40);  // four times the natural scale
    EXPECT_THROW(evaluate_polynomial(evaluator, polynomial, x, 0x1p40), Error);
    const double natural = natural_scale(parameters(), polynomial, top - 1);
    const auto scaled = with_scale(evaluator, x, natural);
    EXPECT_EQ(scaled.level(), top - 1);
    EXPECT_TRUE(same_scale(scaled.scale(), natural));
    const auto result = evaluate_polynomial(evaluator, polynomial, scaled, 0x1p40);
    expect_close(polynomial, values, result, Bound::fresh(0x1p40) + Bound::rescaling(natural));
}

TEST(PolynomialEvaluationErrors, NamesTheLevelsThatAreMissing) {
    const auto polynomial = random_polynomial(PolynomialBasis::chebyshev, 16, 4);
    const auto x = encrypted({0.5}, 4, 0x1p40);
    try {
        evaluate_polynomial(party().evaluator, polynomial, x, 0x1p40);
        FAIL() << "four levels are not enough for degree 16";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::level_exhausted);
        EXPECT_NE(std::string(error.what()).find("needs 5 levels, 4 are left"), std::string::npos)
            << error.what();
    }
    EXPECT_THROW(natural_scale(parameters(), polynomial, 4), Error);
    EXPECT_THROW(polynomial_keys(polynomial, 4), Error);
}

TEST(PolynomialEvaluationErrors, NamesTheKeyThatIsMissing) {
    const auto polynomial = random_polynomial(PolynomialBasis::monomial, 3, 5);
    const EvaluationKeys none(parameters());
    const Evaluator evaluator(none);
    try {
        evaluate_polynomial(evaluator, polynomial, encrypted({0.5}, 4, 0x1p40), 0x1p40);
        FAIL() << "there is no key";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::missing_key);
    }
}

TEST(PolynomialKeys, AskForRelinearisationAtTheTopOrForNothing) {
    const auto request = polynomial_keys(random_polynomial(PolynomialBasis::chebyshev, 7, 6), 5);
    ASSERT_EQ(request.levels().size(), 1U);
    EXPECT_EQ(request.levels().at(KeyId::relinearization()), 5U);
    const auto linear = random_polynomial(PolynomialBasis::chebyshev, 1, 6);
    EXPECT_TRUE(polynomial_keys(linear, 5).levels().empty());
    EXPECT_EQ(polynomial_relinearizations(linear), 0U);
}

}  // namespace
}  // namespace cipherfit
