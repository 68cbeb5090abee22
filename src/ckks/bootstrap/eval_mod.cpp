#include "ckks/bootstrap/eval_mod.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <Eigen/Dense>

namespace cipherfit {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;
// Points of each interval that the fit is made at.
constexpr std::size_t points_per_interval = 5;

// sin(2 pi x / 2^r) on x = I - 1/4 + m as an odd sum of T_k(x / width).
Polynomial fit_sine(const EvalModLiteral& literal) {
    const double margin = std::exp2(-static_cast<double>(literal.ratio_bits));
    const auto wraps = static_cast<int>(literal.wraps);
    const double width = static_cast<double>(wraps) + 0.25 + margin;
    const double period = std::exp2(static_cast<double>(literal.double_angles));
    const double variance = static_cast<double>(2 * wraps + 1) / 12.0;
    const auto terms = static_cast<Eigen::Index>((literal.degree + 1) / 2);
    const auto rows = static_cast<Eigen::Index>((2 * literal.wraps + 1) * points_per_interval);
    Eigen::MatrixXd basis(rows, terms);
    Eigen::VectorXd values(rows);
    Eigen::Index row = 0;
    for (int wrap = -wraps; wrap <= wraps; ++wrap) {
        const double centre = wrap - 0.25;
        const double likely = std::exp(-wrap * wrap / (2 * variance));
        // How the double angles magnify an error: 2^r over the other leg of the angle.
        const double other = std::abs(std::cos(two_pi * centre / period));
        const double weight = std::sqrt(std::max(likely, literal.least_weight)) / other;
        for (std::size_t i = 0; i < points_per_interval; ++i) {
            const double node = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.5) /
                                         static_cast<double>(points_per_interval));
            const double x = centre + margin * node;
            const double angle = std::acos(std::clamp(x / width, -1.0, 1.0));
            for (Eigen::Index k = 0; k < terms; ++k) {
                basis(row, k) = weight * std::cos(static_cast<double>(2 * k + 1) * angle);
            }
            values(row) = weight * std::sin(two_pi * x / period);
            ++row;
        }
    }
    const Eigen::VectorXd solution = basis.colPivHouseholderQr().solve(values);
    Polynomial result{.basis = PolynomialBasis::chebyshev,
                      .coefficients = std::vector<double>(literal.degree + 1, 0.0),
                      .a = -width,
                      .b = width};
    for (Eigen::Index k = 0; k < terms; ++k) {
        result.coefficients[static_cast<std::size_t>(2 * k + 1)] = solution(k);
    }
    return result;
}

// arcsin(s) / (2 pi) on |s| <= sin(2 pi 2^-ratio_bits) as an odd polynomial in s. Powers of s and
// not T_k(s / width): s is small, and so are the errors of its powers.
Polynomial fit_arcsine(const EvalModLiteral& literal) {
    const std::size_t degree = literal.arcsine_degree;
    if (degree == 1) {
        return {.coefficients = {0.0, 1 / two_pi}};
    }
    const double width = std::sin(two_pi * std::exp2(-static_cast<double>(literal.ratio_bits)));
    const Polynomial fit =
        chebyshev_fit([](double s) { return std::asin(s) / two_pi; }, -width, width, degree);
    // T_k(y) = 2 y T_(k-1) - T_(k-2), by coefficients of y.
    std::vector<double> before{1.0};
    std::vector<double> current{0.0, 1.0};
    std::vector<double> sum(degree + 1);
    for (std::size_t k = 1; k <= degree; ++k) {
        for (std::size_t i = 0; i <= k; ++i) {
            sum[i] += fit.coefficients[k] * current[i];
        }
        std::vector<double> next(k + 2);
        for (std::size_t i = 0; i <= k; ++i) {
            next[i + 1] += 2 * current[i];
        }
        for (std::size_t i = 0; i < before.size(); ++i) {
            next[i] -= before[i];
        }
        before = std::exchange(current, std::move(next));
    }
    for (std::size_t i = 1; i <= degree; ++i) {
        sum[i] /= std::pow(width, static_cast<double>(i));
    }
    return {.coefficients = std::move(sum)};
}

}  // namespace

EvalMod EvalMod::create(const EvalModLiteral& literal) {
    require(literal.wraps >= 1 && literal.wraps <= 512 && literal.ratio_bits >= 3 &&
                literal.ratio_bits <= 20 && literal.degree >= 3 && literal.degree <= 127 &&
                literal.degree % 2 == 1 && literal.double_angles >= 2 &&
                literal.double_angles <= 8 && literal.least_weight > 0 &&
                literal.least_weight <= 1 && literal.arcsine_degree % 2 == 1 &&
                literal.arcsine_degree <= 15,
            ErrorCode::invalid_argument,
            "cannot fit the modular reduction with {} wraps, a ratio of {} bits, degree {}, {} "
            "double angles, an arcsine of degree {} and a least weight of {}: see eval_mod.h for "
            "the ranges",
            literal.wraps, literal.ratio_bits, literal.degree, literal.double_angles,
            literal.arcsine_degree, literal.least_weight);
    EvalMod result;
    result.sine_ = fit_sine(literal);
    result.double_angles_ = literal.double_angles;
    result.arcsine_ = fit_arcsine(literal);
    return result;
}

std::size_t EvalMod::depth() const noexcept {
    return polynomial_depth(sine_) + double_angles_ + polynomial_depth(arcsine_);
}

double EvalMod::operator()(double x) const noexcept {
    double c = sine_(x - 0.25);
    for (unsigned i = 0; i < double_angles_; ++i) {
        c = 2 * c * c - 1;
    }
    return arcsine_(c);
}

double EvalMod::input_scale(const Parameters& parameters, std::size_t level) const {
    return natural_scale(parameters, sine_, level);
}

KeyRequest EvalMod::keys(std::size_t level) const {
    KeyRequest request;
    request.relinearization(level);
    return request;
}

Ciphertext EvalMod::evaluate(const Evaluator& evaluator, const Ciphertext& x, double target) const {
    const Parameters& parameters = evaluator.parameters();
    const std::size_t sine_level = x.level() - polynomial_depth(sine_);
    // Backwards: the scales before each squaring that end near the primes.
    double scale = natural_scale(parameters, arcsine_, sine_level - double_angles_);
    for (unsigned i = 0; i < double_angles_; ++i) {
        scale = std::sqrt(scale * evaluator.rescale_divisor(sine_level - double_angles_ + 1 + i));
    }
    Ciphertext c = evaluate_polynomial(evaluator, sine_, evaluator.add_scalar(x, -0.25), scale);
    for (unsigned i = 0; i < double_angles_; ++i) {
        const std::array<Product, 2> twice{Product{&c, &c}, Product{&c, &c}};
        Ciphertext square = evaluator.sum_of_products(twice);
        evaluator.add_combination_inplace(square, {}, -1.0);
        c = evaluator.relinearize_rescale(square);
    }
    return evaluate_polynomial(evaluator, arcsine_, c, target);
}

}  // namespace cipherfit
