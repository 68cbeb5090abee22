// Polynomials of a ciphertext, slot by slot: sum_k c_k x^k, or sum_k c_k T_k(y) with
// y = (2 x - a - b) / (b - a), at the least possible depth.
//
// Method: Paterson and Stockmeyer's baby and giant steps, in the recursive form that loses no level
// (Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux, EUROCRYPT 2021, section 5.1): p = q T_g + r
// with g a power of two, until what is left is a combination of powers at hand. r joins q T_g
// before its rescaling, so that its coefficients cost no level, and all products of one sum share a
// relinearisation. The number of baby steps is the one that needs the fewest relinearisations.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace cipherfit {

enum class PolynomialBasis {
    monomial,   // x^k; the interval is not used
    chebyshev,  // T_k(y), y = (2 x - a - b) / (b - a)
};

struct Polynomial {
    PolynomialBasis basis = PolynomialBasis::monomial;
    // c_0 first; all finite, at least one beyond c_0 not zero, degree at most 1023. Zeros at the
    // end do not count for the degree.
    std::vector<double> coefficients;
    // [a, b]: where x lies. Outside it T_k grows like (2 y)^k / 2.
    double a = -1.0;
    double b = 1.0;

    std::size_t degree() const noexcept;
    // The value in double precision (Horner, Clenshaw).
    double operator()(double x) const noexcept;
};

// The fit of a function on [a, b] by interpolation at Chebyshev nodes, whose largest error is
// within a factor 2 + (2/pi) log(degree + 1) of the best possible. Coefficients below 2^-50 of the
// largest are set to 0. Throws Error(invalid_argument) unless a < b, 1 <= degree <= 1023 and the
// function is finite on the nodes.
Polynomial chebyshev_fit(const std::function<double(double)>& function, double a, double b,
                         std::size_t degree);

// All of the functions below throw Error(invalid_argument) for a polynomial that is not as said
// above.

// Levels that evaluation takes: ceil(log2(degree + 1)), the least possible.
std::size_t polynomial_depth(const Polynomial& polynomial);

// Relinearisations that evaluation takes: about 2 sqrt(degree), half for odd or even polynomials.
std::size_t polynomial_relinearizations(const Polynomial& polynomial);

// Relinearisation at `level`, that of x; nothing for degree 1.
KeyRequest polynomial_keys(const Polynomial& polynomial, std::size_t level);

// The scale that x should have at `level`: with it the scales of all powers stay within the primes'
// own spread. It is near the primes, divided by (b - a) / 2 in the Chebyshev basis. Throws
// Error(level_exhausted) where the depth is above the level.
double natural_scale(const Parameters& parameters, const Polynomial& polynomial, std::size_t level);

// x at exactly another scale: one level. For an x that is not near its natural scale.
Ciphertext with_scale(const Evaluator& evaluator, const Ciphertext& x, double scale);

// p(x), slot by slot, at level x.level() - polynomial_depth(p) and at the scale `target` (to the
// rounding of doubles).
//
// The change of variable is free: it goes into the scale. A deviation of x's scale from the natural
// one doubles (in bits) with every level; where the scale of a power comes out more than 2^6 off,
// Error(scale_mismatch) names the power and the remedy. Each c_k is rounded to a multiple of about
// s_k / (target q), 2^-40 for 40-bit primes and targets.
// Throws Error(level_exhausted) where the levels do not suffice, with both numbers;
// Error(missing_key). Keys: polynomial_keys().
Ciphertext evaluate_polynomial(const Evaluator& evaluator, const Polynomial& polynomial,
                               const Ciphertext& x, double target);

}  // namespace cipherfit
