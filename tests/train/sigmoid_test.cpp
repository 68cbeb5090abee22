#include "cipherfit/train/sigmoid.h"

#include <cmath>
#include <limits>
#include <numbers>

#include <Eigen/Dense>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Least squares by QR on the monomials u, u^3, ... at the same nodes: another algorithm in another
// basis.
std::vector<double> fit_by_qr(int degree, double range) {
    constexpr int nodes = 256;
    const int terms = (degree + 1) / 2;
    Eigen::MatrixXd basis(nodes, terms);
    Eigen::VectorXd target(nodes);
    for (int i = 0; i < nodes; ++i) {
        const double u = std::cos(std::numbers::pi * (i + 0.5) / nodes);
        target(i) = 0.5 * std::tanh(0.5 * range * u);
        for (int k = 0; k < terms; ++k) {
            basis(i, k) = std::pow(u, 2 * k + 1);
        }
    }
    const Eigen::VectorXd solution = basis.colPivHouseholderQr().solve(target);
    std::vector<double> odd;
    for (int k = 0; k < terms; ++k) {
        odd.push_back(solution(k) / std::pow(range, 2 * k + 1));
    }
    return odd;
}

TEST(Sigmoid, FitsAreTheLeastSquaresSolutions) {
    for (const int degree : {1, 3, 5, 7}) {
        for (const double range : {0.5, 4.0, 8.0, 12.0, 33.3, 64.0}) {
            const SigmoidPolynomial fit = fit_sigmoid(degree, range);
            const std::vector<double> oracle = fit_by_qr(degree, range);
            ASSERT_EQ(fit.odd.size(), oracle.size());
            EXPECT_EQ(fit.degree(), degree);
            EXPECT_EQ(fit.range, range);
            for (std::size_t k = 0; k < oracle.size(); ++k) {
                // Absolute error of the term at the end of the range, where it is largest.
                EXPECT_NEAR(
                    (fit.odd[k] - oracle[k]) * std::pow(range, static_cast<double>(2 * k + 1)), 0.0,
                    1e-12)
                    << degree << " on " << range;
            }
        }
    }
}

TEST(Sigmoid, HigherDegreesFitBetter) {
    for (const double range : {4.0, 8.0, 16.0}) {
        double last = 1.0;
        for (const int degree : {1, 3, 5, 7}) {
            const double error = fit_sigmoid(degree, range).largest_error();
            EXPECT_LT(error, last);
            last = error;
        }
    }
    EXPECT_LT(fit_sigmoid(7, 4.0).largest_error(), 0.005);
}

TEST(Sigmoid, EvaluatesItsPolynomialAndDerivative) {
    const SigmoidPolynomial s{{0.25, -0.03, 0.002, -0.0001}, 3.0};
    for (const double z : {-2.5, -0.1, 0.0, 1.0, 4.0}) {
        const double expected = 0.5 + 0.25 * z - 0.03 * std::pow(z, 3) + 0.002 * std::pow(z, 5) -
                                0.0001 * std::pow(z, 7);
        EXPECT_NEAR(s(z), expected, 1e-14);
        EXPECT_NEAR(s.derivative(z), (s(z + 1e-6) - s(z - 1e-6)) / 2e-6, 1e-7);
        EXPECT_NEAR(s(z) + s(-z), 1.0, 1e-15);
    }
}

// The first |z| of a fine grid at which the derivative is negative.
double first_fall(const SigmoidPolynomial& s, double limit) {
    for (double z = 0.0; z < limit; z += 1e-4) {
        if (s.derivative(z) < 0.0) {
            return z;
        }
    }
    return std::numeric_limits<double>::infinity();
}

TEST(Sigmoid, TurnsWhereItsDerivativeFirstFallsBelowZero) {
    for (const int degree : {3, 5, 7}) {
        for (const double range : {4.0, 8.0, 12.0}) {
            const SigmoidPolynomial s = fit_sigmoid(degree, range);
            const double fall = first_fall(s, 3.0 * range);
            const double turn = s.turning_point();
            if (std::isinf(fall)) {
                EXPECT_GT(turn, 3.0 * range - 1e-3);
            } else {
                EXPECT_NEAR(turn, fall, 2e-4) << degree << " on " << range;
            }
        }
    }
    EXPECT_TRUE(std::isinf(fit_sigmoid(1, 8.0).turning_point()));
    EXPECT_TRUE(std::isinf((SigmoidPolynomial{{0.2, 0.1, 0.3}, 1.0}).turning_point()));
    // A dip between two rises: s' = (w - 1)(w - 2) of w = z^2, and the same times (3 - w).
    EXPECT_NEAR((SigmoidPolynomial{{2.0, -1.0, 0.2}, 1.0}).turning_point(), 1.0, 1e-12);
    EXPECT_NEAR((SigmoidPolynomial{{6.0, -11.0 / 3.0, 6.0 / 5.0, -1.0 / 7.0}, 1.0}).turning_point(),
                1.0, 1e-12);
    // s' = (w - 1)^2 only touches zero.
    EXPECT_TRUE(std::isinf((SigmoidPolynomial{{1.0, -2.0 / 3.0, 0.2}, 1.0}).turning_point()));
}

TEST(Sigmoid, TheCubicOfThePaperTurnsAtItsRange) {
    const SigmoidPolynomial s = chiang2023_sigmoid();
    EXPECT_EQ(s.degree(), 3);
    EXPECT_NEAR(s.turning_point(), std::sqrt(s.odd[0] / (-3.0 * s.odd[1])), 1e-9);
    EXPECT_EQ(s.range, s.turning_point());
    EXPECT_TRUE(check(s).has_value());
}

TEST(Sigmoid, RefusesWhatItCannotFit) {
    for (const int degree : {-1, 0, 2, 9}) {
        EXPECT_THROW(fit_sigmoid(degree, 8.0), Error);
    }
    for (const double range : {0.0, -1.0, 64.1, std::nan("")}) {
        EXPECT_THROW(fit_sigmoid(3, range), Error);
    }
}

TEST(Sigmoid, JsonKeepsEveryBit) {
    for (const int degree : {1, 3, 5, 7}) {
        const SigmoidPolynomial s = fit_sigmoid(degree, 11.0 / 3.0);
        const auto read = sigmoid_from_json(nlohmann::json::parse(to_json(s).dump()));
        ASSERT_TRUE(read.has_value());
        EXPECT_EQ(*read, s);
    }
}

TEST(Sigmoid, JsonOfAnotherShapeIsCorruptData) {
    for (const char* text :
         {"null", "[]", "{}", R"({"odd": [], "range": 8})",
          R"({"odd": [1, 2, 3, 4, 5], "range": 8})", R"({"odd": ["1"], "range": 8})",
          R"({"odd": [-1], "range": 8})", R"({"odd": [0.1], "range": 0})",
          R"({"odd": [0.1], "range": "8"})", R"({"odd": [0.1]})", R"({"odd": 0.1, "range": 8})"}) {
        const auto read = sigmoid_from_json(nlohmann::json::parse(text));
        ASSERT_FALSE(read.has_value()) << text;
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data) << text;
    }
}

}  // namespace
}  // namespace cipherfit
