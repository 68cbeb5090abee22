// Element-by-element operations: sums, products, products with a constant, change of modulus.
#include "math/kernels/scalar/arithmetic.h"
#include "math/kernels/scalar/kernels.h"

namespace cipherfit::scalar {

void add(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
         const Modulus& q) noexcept {
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = subtract_once(a[i] + b[i], bound);
    }
}

void subtract(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept {
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = subtract_once(a[i] - b[i] + bound, bound);
    }
}

void negate(std::uint64_t* out, const std::uint64_t* a, std::size_t n, const Modulus& q) noexcept {
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = subtract_once(bound - a[i], bound);
    }
}

void multiply(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept {
    const ProductReducer reduce_product(q);
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = reduce_product(Wide{a[i]} * b[i]);
    }
}

void multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                     std::size_t n, const Modulus& q) noexcept {
    const ShoupFactor factor = w;
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = multiply(a[i], factor, bound);
    }
}

void multiply_scalar_add(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                         std::size_t n, const Modulus& q) noexcept {
    const ShoupFactor factor = w;
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = subtract_once(out[i] + multiply(a[i], factor, bound), bound);
    }
}

void subtract_multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                              const ShoupFactor& w, std::size_t n, const Modulus& q) noexcept {
    const ShoupFactor factor = w;
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = multiply(a[i] - b[i] + bound, factor, bound);
    }
}

void permute(std::uint64_t* out, const std::uint64_t* in, const std::uint32_t* index,
             std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = in[index[i]];
    }
}

void switch_modulus(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                    const Modulus& source, const Modulus& q) noexcept {
    // a > source/2 stands for a - source: add a multiple of q that is at least source and hence
    // keeps the sum positive, so that one reduction serves both signs.
    const std::uint64_t half = source.value / 2;
    const std::uint64_t offset = (source.value / q.value + 1) * q.value - source.value;
    const ShoupFactor one = shoup_factor(1, q);
    const std::uint64_t bound = q.value;
    for (std::size_t i = 0; i < n; ++i) {
        out[i] = multiply(a[i] > half ? a[i] + offset : a[i], one, bound);
    }
}

}  // namespace cipherfit::scalar
