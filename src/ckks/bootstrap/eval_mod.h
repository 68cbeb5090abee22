// EvalMod: x = m + I, |m| <= 2^-ratio_bits, |I| <= K integers, to m:
//     sin(2 pi (x - 1/4) / 2^r)      by an odd Chebyshev sum; up to its sign, it is the cosine of
//                                    2 pi (x - 1/4 + 2^(r-2)) / 2^r,
//     r times c -> 2 c^2 - 1         which gives cos(2 pi (x - 1/4)) = sin(2 pi m),
//     arcsin(s) / (2 pi)             by an odd polynomial.
// (Han and Ki, CT-RSA 2020, for the double angle and for fitting near integers only; Lee et al.,
// EUROCRYPT 2021, and Bossuat et al., EUROCRYPT 2021, for the arcsine.)
//
// Why the sine: rounding errors of T_2(y), y = (x - 1/4) / width, reach an even sum with the factor
// 1 / (4 y), which is large where most wraps are; an odd sum has no such pole.
//
// The sine's fit is by weighted least squares on the 2 K + 1 intervals that x can lie in. A
// wrap I has a probability near that of a Gaussian of variance (h + 1)/12: intervals of likely I
// weigh most, and unlikely ones at least `least_weight` as much in the square.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/ckks/polynomial.h"

#include <cstddef>

namespace cipherfit {

struct EvalModLiteral {
    std::size_t wraps = 16;      // K
    unsigned ratio_bits = 4;     // 3 to 20
    std::size_t degree = 31;     // of the sine's fit, odd, 3 to 127
    unsigned double_angles = 3;  // r, 2 to 8
    std::size_t arcsine_degree =
        7;  // odd, 1 to 15; 1: s / (2 pi), whose error is (2 pi m)^2 / 6 of m
    double least_weight = 0x1p-20;  // in (0, 1]
};

class EvalMod {
  public:
    // Throws Error(invalid_argument) for what is out of range.
    static EvalMod create(const EvalModLiteral& literal);

    const Polynomial& sine() const noexcept { return sine_; }
    unsigned double_angles() const noexcept { return double_angles_; }
    const Polynomial& arcsine() const noexcept { return arcsine_; }

    // Levels it takes.
    std::size_t depth() const noexcept;
    // The same polynomials in double precision.
    double operator()(double x) const noexcept;
    // The scale that x must have at `level`.
    double input_scale(const Parameters& parameters, std::size_t level) const;
    // Relinearisation at `level`.
    KeyRequest keys(std::size_t level) const;
    // For every slot; x at input_scale(), the result depth() levels lower at the scale `target`.
    // Throws as evaluate_polynomial() does.
    Ciphertext evaluate(const Evaluator& evaluator, const Ciphertext& x, double target) const;

  private:
    EvalMod() = default;
    Polynomial sine_;
    unsigned double_angles_ = 0;
    Polynomial arcsine_;
};

}  // namespace cipherfit
