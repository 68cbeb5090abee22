#include "solver/owner/joint/fine_transform.h"

#include "cipherfit/base/error.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

namespace cipherfit {

void to_coefficients_finely(std::span<std::complex<long double>> values) {
    const std::size_t n = values.size();
    require(std::has_single_bit(n), ErrorCode::invalid_argument,
            "a transform takes a power of two of values, got {}", n);
    for (std::size_t half = n / 2; half >= 1; half /= 2) {
        const std::size_t order = 8 * half;
        std::size_t power = 1;
        for (std::size_t j = 0; j < half; ++j) {
            const long double angle = 2 * std::numbers::pi_v<long double> *
                                      static_cast<long double>(power) /
                                      static_cast<long double>(order);
            const long double real = std::cos(angle);
            const long double imaginary = -std::sin(angle);
            for (std::size_t block = 0; block < n; block += 2 * half) {
                std::complex<long double>& x = values[block + j];
                std::complex<long double>& y = values[block + j + half];
                const std::complex<long double> d = x - y;
                x += y;
                y = {d.real() * real - d.imag() * imaginary,
                     d.real() * imaginary + d.imag() * real};
            }
            power = power * 5 % order;
        }
    }
    const int bits = std::countr_zero(n);
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t reversed = 0;
        for (int bit = 0; bit < bits; ++bit) {
            reversed |= (i >> bit & 1U) << (bits - 1 - bit);
        }
        if (i < reversed) {
            std::swap(values[i], values[reversed]);
        }
    }
    for (std::complex<long double>& value : values) {
        value /= static_cast<long double>(n);
    }
}

}  // namespace cipherfit
