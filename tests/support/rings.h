// Small rings for tests: fast, and insecure, which their parameters record.
#pragma once

#include "cipherfit/base/parallel.h"
#include "cipherfit/rlwe/parameters.h"

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace cipherfit::test {

// A lowest prime of 50 bits and `levels` more of `bits` bits in `digits` digits, with as many
// 50-bit special primes as the largest digit needs.
inline ParametersLiteral small_literal(unsigned log_n, std::size_t levels, unsigned bits = 40,
                                       unsigned digits = 1) {
    ParametersLiteral literal;
    literal.log_n = log_n;
    literal.q_bits.assign(levels + 1, bits);
    literal.q_bits[0] = 50;
    const auto digit_size = static_cast<double>((levels + digits) / digits);
    // Special primes of a ring this small have more than 49.99 bits, the q's less than bits + 0.01.
    const double largest = 50 + (digit_size - 1) * (bits + 0.01);
    literal.p_bits.assign(static_cast<std::size_t>(std::ceil(largest / 49.99)), 50);
    literal.digits = digits;
    literal.insecure_for_tests_only = true;
    return literal;
}

inline Parameters small_ring(unsigned log_n, std::size_t levels, unsigned bits = 40,
                             unsigned digits = 1) {
    return Parameters::create(small_literal(log_n, levels, bits, digits));
}

// Runs a piece of code with that many threads.
template <class F>
auto with_threads(std::size_t threads, F&& body) {
    struct Restore {
        std::size_t before = thread_count();
        ~Restore() { set_thread_count(before); }
    } restore;
    set_thread_count(threads);
    return std::forward<F>(body)();
}

}  // namespace cipherfit::test
