// Modular arithmetic that the portable kernels share. Internal linkage, so that the linker cannot
// merge it with copies compiled for another instruction set.
#pragma once

#include "math/modulus.h"
#include "math/wide.h"

#include <cstdint>

namespace cipherfit::scalar {

// x - bound if x >= bound, else x.
static inline std::uint64_t subtract_once(std::uint64_t x, std::uint64_t bound) {
    const std::uint64_t y = x - bound;
    return y < x ? y : x;
}

// a * w mod q in [0, 2q), for any 64-bit a (Shoup; Harvey, J. Symb. Comput. 60, 2014, section 3).
static inline std::uint64_t multiply_lazy(std::uint64_t a, std::uint64_t w, std::uint64_t quotient,
                                          std::uint64_t q) {
    return a * w - high_word(Wide{a} * quotient) * q;
}

static inline std::uint64_t multiply(std::uint64_t a, const ShoupFactor& w, std::uint64_t q) {
    return subtract_once(multiply_lazy(a, w.value, w.quotient, q), q);
}

// Barrett reduction of products below q * 2^50, cheaper than reduce128: with b = bits(q) and
// mu = floor(2^(b + 62) / q) < 2^64, the quotient is floor(floor(x / 2^(b - 2)) mu / 2^64).
// Its error is below 2: the inner floor loses mu / 2^64 <= 1/2, mu's floor x / 2^(b + 62) <= 2^-12
// and the outer floor 1.
class ProductReducer {
  public:
    explicit ProductReducer(const Modulus& q)
        : q_(q.value),
          shift_(bits(q.value) - 2),
          mu_(low_word(((Wide{q.ratio_high} << 64U) | q.ratio_low) >> (64U - shift_))) {}

    std::uint64_t operator()(Wide x) const {
        const auto top = static_cast<std::uint64_t>(x >> shift_);
        const std::uint64_t quotient = high_word(Wide{top} * mu_);
        return subtract_once(low_word(x) - quotient * q_, q_);
    }

  private:
    static unsigned bits(std::uint64_t q) {
        return 64U - static_cast<unsigned>(__builtin_clzll(q));
    }

    std::uint64_t q_;
    unsigned shift_;
    std::uint64_t mu_;
};

}  // namespace cipherfit::scalar
