// Polynomial stand-ins for the logistic sigmoid 1 / (1 + exp(-z)), the only non-linearity of the
// learner and the only one that CKKS has to evaluate.
#pragma once

#include "cipherfit/base/error.h"

#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// s(z) = 1/2 + sum_k odd[k] z^(2k+1), k = 0..size-1. The even terms vanish by symmetry, as
// those of sigmoid - 1/2 do.
struct SigmoidPolynomial {
    std::vector<double> odd;  // c1, c3, c5, c7: one to four finite values, c1 > 0
    double range = 0.0;       // |z| up to which s stands in for the sigmoid, > 0

    // 1, 3, 5 or 7.
    int degree() const noexcept { return 2 * static_cast<int>(odd.size()) - 1; }

    // s(z) in the order 1/2 + z (c1 + z^2 (c3 + z^2 (c5 + z^2 c7))).
    double operator()(double z) const noexcept;

    // s'(z), and so s'(0) = c1.
    double derivative(double z) const noexcept;

    // The largest b such that s does not fall anywhere on [-b, b]: the smallest positive root of
    // odd multiplicity of s'. Infinity when there is none. The cubic fitted on [-R, R] turns
    // at about 0.7 R, inside its range.
    double turning_point() const;

    // The largest |s(z) - sigmoid(z)| for |z| <= range, over a grid of 4,096 points.
    double largest_error() const;

    bool operator==(const SigmoidPolynomial&) const = default;
};

// The least-squares fit of the given degree (1, 3, 5 or 7) to the sigmoid at 256 Chebyshev nodes of
// [-range, range], 0 < range <= 64. Throws Error (invalid_argument) outside these.
SigmoidPolynomial fit_sigmoid(int degree, double range);

// The cubic of arXiv 2304.03807. Its paper names no interval: `range` is where the cubic turns
// (9.6).
SigmoidPolynomial chiang2023_sigmoid();

// What makes the polynomial unusable, if anything: the number of coefficients, values that are
// not finite, c1 <= 0 or range <= 0. ErrorCode::invalid_argument.
Expected<void> check(const SigmoidPolynomial& sigmoid);

// {"odd": [c1, ...], "range": R}; doubles survive the round trip bit for bit. Reading untrusted
// JSON gives ErrorCode::corrupt_data for anything that check() refuses or that has another shape.
nlohmann::json to_json(const SigmoidPolynomial& sigmoid);
Expected<SigmoidPolynomial> sigmoid_from_json(const nlohmann::json& json);

}  // namespace cipherfit
