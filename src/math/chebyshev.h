// Chebyshev polynomials of the first kind: T_0 = 1, T_1 = y, T_(k+1) = 2 y T_k - T_(k-1) on
// [-1, 1], where T_k(cos t) = cos(k t).
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace cipherfit {

// c_0..c_degree of the polynomial sum_k c_k T_k(y) that meets f((a + b)/2 + y (b - a)/2) at the
// degree + 1 zeros of T_(degree+1): within a factor 2 + (2/pi) log(degree + 1) of the best uniform
// approximation (Trefethen, "Approximation Theory and Approximation Practice", theorem 16.1).
// Coefficients below 2^-50 of the largest are rounding noise and set to 0, so that fits of odd and
// even functions are odd and even. Cost O(degree^2). Throws Error(invalid_argument) unless
// a < b are finite, degree <= 4096 and f is finite at every node.
std::vector<double> chebyshev_coefficients(const std::function<double(double)>& f, double a,
                                           double b, std::size_t degree);

// sum_k c_k T_k(y) by Clenshaw's recurrence, any y; 0 for no coefficients.
double evaluate_chebyshev(std::span<const double> coefficients, double y) noexcept;

// p = q T_g + r with deg r < g, for deg p <= 2 g - 1, g >= 1:
//   c_k T_k = 2 c_k T_(k-g) T_g - c_k T_(2g-k) for k > g,   c_g T_g = c_g T_0 T_g.
struct PolynomialDivision {
    std::vector<double> quotient, remainder;
};
PolynomialDivision divide_chebyshev(std::span<const double> p, std::size_t g);

}  // namespace cipherfit
