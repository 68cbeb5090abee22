// How a polynomial is evaluated, before any ciphertext: which powers, which products, at which
// depth. `power k` stands for x^k or T_k(y).
#pragma once

#include "cipherfit/ckks/polynomial.h"

#include <cstddef>
#include <set>
#include <vector>

namespace cipherfit {

// One sum, rescaled once:  constant + sum (coefficient * power) + sum (quotient * giant).
struct PolynomialSum {
    struct Term {
        std::size_t power;
        double coefficient;
    };
    struct Quotient;

    double constant = 0;
    std::vector<Term> terms;
    std::vector<Quotient> products;
};

struct PolynomialSum::Quotient {
    PolynomialSum sum;
    std::size_t giant = 0;  // a power of two
};

struct PolynomialPlan {
    PolynomialSum sum;
    std::set<std::size_t> powers;  // all that are made, 1 included, with those they are made of
    std::size_t depth = 0;
    std::size_t products = 0;          // of ciphertexts
    std::size_t relinearizations = 0;  // at most `products`
};

// power k = power `high` * power `low` (T_k = 2 T_high T_low - T_difference), at depth
// ceil(log2 k). k >= 2. Odd powers are made of odd powers and powers of two.
struct PowerSplit {
    std::size_t high, low, difference;
};
PowerSplit split_power(std::size_t k) noexcept;

// Throws Error(invalid_argument) for what polynomial.h excludes.
PolynomialPlan plan_polynomial(const Polynomial& polynomial);

}  // namespace cipherfit
