#include "math/chebyshev.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cipherfit {

std::vector<double> chebyshev_coefficients(const std::function<double(double)>& f, double a,
                                           double b, std::size_t degree) {
    constexpr std::size_t highest = 4096;
    require(std::isfinite(a) && std::isfinite(b) && a < b, ErrorCode::invalid_argument,
            "a Chebyshev fit needs an interval with a < b, got [{}, {}]", a, b);
    require(degree <= highest, ErrorCode::invalid_argument,
            "a Chebyshev fit has a degree of at most {}, got {}", highest, degree);
    const std::size_t nodes = degree + 1;
    // cos(k t_i) with t_i = (2 i + 1) pi / (2 nodes) needs only multiples of pi / (2 nodes).
    std::vector<double> cosines(4 * nodes);
    for (std::size_t j = 0; j < cosines.size(); ++j) {
        cosines[j] = std::cos(std::numbers::pi * static_cast<double>(j) /
                              (2.0 * static_cast<double>(nodes)));
    }
    std::vector<double> values(nodes);
    for (std::size_t i = 0; i < nodes; ++i) {
        const double x = 0.5 * (a + b) + 0.5 * (b - a) * cosines[2 * i + 1];
        values[i] = f(x);
        require(std::isfinite(values[i]), ErrorCode::invalid_argument,
                "cannot fit a function that is {} at {}", values[i], x);
    }
    std::vector<double> coefficients(nodes);
    double largest = 0;
    for (std::size_t k = 0; k < nodes; ++k) {
        double sum = 0;
        for (std::size_t i = 0; i < nodes; ++i) {
            sum += values[i] * cosines[k * (2 * i + 1) % cosines.size()];
        }
        coefficients[k] = (k == 0 ? 1.0 : 2.0) * sum / static_cast<double>(nodes);
        largest = std::max(largest, std::abs(coefficients[k]));
    }
    for (double& c : coefficients) {
        if (std::abs(c) < 0x1p-50 * largest) {
            c = 0;
        }
    }
    return coefficients;
}

double evaluate_chebyshev(std::span<const double> coefficients, double y) noexcept {
    double next = 0;
    double after = 0;
    for (std::size_t k = coefficients.size(); k-- > 1;) {
        const double current = coefficients[k] + 2.0 * y * next - after;
        after = next;
        next = current;
    }
    return coefficients.empty() ? 0.0 : coefficients[0] + y * next - after;
}

PolynomialDivision divide_chebyshev(std::span<const double> p, std::size_t g) {
    require(g >= 1 && p.size() <= 2 * g, ErrorCode::invalid_argument,
            "cannot divide {} Chebyshev coefficients by T_{}", p.size(), g);
    PolynomialDivision result;
    result.remainder.assign(p.begin(), p.begin() + std::min(g, p.size()));
    for (std::size_t k = g; k < p.size(); ++k) {
        result.quotient.push_back(k == g ? p[k] : 2.0 * p[k]);
        if (k > g) {
            result.remainder[2 * g - k] -= p[k];
        }
    }
    return result;
}

}  // namespace cipherfit
