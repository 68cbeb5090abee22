#include "math/special_fft.h"

#include "cipherfit/base/error.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace cipherfit {
namespace {

// Plain pairs: std::complex's product checks for NaN at every step.
struct Value {
    double re, im;
};

inline Value load(const std::complex<double>& z) {
    return {z.real(), z.imag()};
}
inline std::complex<double> store(Value v) {
    return {v.re, v.im};
}
inline Value plus(Value a, Value b) {
    return {a.re + b.re, a.im + b.im};
}
inline Value minus(Value a, Value b) {
    return {a.re - b.re, a.im - b.im};
}
inline Value times(Value a, Value w) {
    return {a.re * w.re - a.im * w.im, a.re * w.im + a.im * w.re};
}
inline Value times_conjugate(Value a, Value w) {
    return {a.re * w.re + a.im * w.im, a.im * w.re - a.re * w.im};
}

// (x, y) -> (x + w y, x - w y), and back up to a factor of 2.
inline void join(Value& x, Value& y, Value w) {
    const Value product = times(y, w);
    y = minus(x, product);
    x = plus(x, product);
}
inline void split(Value& x, Value& y, Value w) {
    const Value difference = minus(x, y);
    x = plus(x, y);
    y = times_conjugate(difference, w);
}

// The stages of blocks of 2h and 4h values, in one pass; `joining` or in reverse, splitting.
template <bool joining>
void two_stages(std::complex<double>* values, std::size_t n, const std::complex<double>* twiddles,
                std::size_t h) {
    const std::complex<double>* inner = twiddles + h;
    const std::complex<double>* outer = twiddles + 2 * h;
    for (std::complex<double>* x = values; x < values + n; x += 4 * h) {
        for (std::size_t j = 0; j < h; ++j) {
            Value a = load(x[j]);
            Value b = load(x[j + h]);
            Value c = load(x[j + 2 * h]);
            Value d = load(x[j + 3 * h]);
            const Value w = load(inner[j]);
            const Value left = load(outer[j]);
            const Value right = load(outer[j + h]);
            if constexpr (joining) {
                join(a, b, w);
                join(c, d, w);
                join(a, c, left);
                join(b, d, right);
            } else {
                split(a, c, left);
                split(b, d, right);
                split(a, b, w);
                split(c, d, w);
            }
            x[j] = store(a);
            x[j + h] = store(b);
            x[j + 2 * h] = store(c);
            x[j + 3 * h] = store(d);
        }
    }
}

// The stage of blocks of 2 values, alone, where the number of stages is odd.
template <bool joining>
void single_stage(std::complex<double>* values, std::size_t n, Value w) {
    for (std::size_t i = 0; i < n; i += 2) {
        Value x = load(values[i]);
        Value y = load(values[i + 1]);
        if constexpr (joining) {
            join(x, y, w);
        } else {
            split(x, y, w);
        }
        values[i] = store(x);
        values[i + 1] = store(y);
    }
}

void permute(std::span<std::complex<double>> values, const std::vector<std::uint32_t>& target) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i < target[i]) {
            std::swap(values[i], values[target[i]]);
        }
    }
}

bool has_odd_logarithm(std::size_t n) {
    return (n & 0x5555555555555555U) == 0;
}

}  // namespace

SpecialFft SpecialFft::create(unsigned log_n) {
    require(log_n >= 2 && log_n <= 17, ErrorCode::invalid_argument,
            "SpecialFft: log_n = {} is outside [2, 17]", log_n);
    SpecialFft fft;
    const std::size_t n = std::size_t{1} << (log_n - 1);
    fft.twiddles_.resize(n);
    for (std::size_t half = 1; half < n; half *= 2) {
        const std::size_t order = 8 * half;
        std::size_t power = 1;
        for (std::size_t j = 0; j < half; ++j) {
            // Extended precision: the rounding to double is then the only error that counts.
            const long double angle = 2 * std::numbers::pi_v<long double> *
                                      static_cast<long double>(power) /
                                      static_cast<long double>(order);
            fft.twiddles_[half + j] = {static_cast<double>(std::cos(angle)),
                                       static_cast<double>(std::sin(angle))};
            power = power * 5 % order;
        }
    }
    fft.bit_reversed_.resize(n);
    for (std::uint32_t i = 1; i < n; ++i) {
        fft.bit_reversed_[i] = (fft.bit_reversed_[i / 2] >> 1U) |
                               (i % 2 != 0 ? static_cast<std::uint32_t>(n / 2) : 0U);
    }
    return fft;
}

void SpecialFft::to_slots(std::span<std::complex<double>> values) const {
    const std::size_t n = slots();
    require(values.size() == n, ErrorCode::invalid_argument,
            "SpecialFft: {} values for a transform of {} slots", values.size(), n);
    permute(values, bit_reversed_);
    std::size_t h = 1;
    if (has_odd_logarithm(n)) {
        single_stage<true>(values.data(), n, load(twiddles_[1]));
        h = 2;
    }
    for (; h < n; h *= 4) {
        two_stages<true>(values.data(), n, twiddles_.data(), h);
    }
}

void SpecialFft::to_coefficients(std::span<std::complex<double>> values) const {
    const std::size_t n = slots();
    require(values.size() == n, ErrorCode::invalid_argument,
            "SpecialFft: {} values for a transform of {} slots", values.size(), n);
    std::size_t h = n / 4;
    for (; h >= 1; h /= 4) {
        two_stages<false>(values.data(), n, twiddles_.data(), h);
    }
    if (has_odd_logarithm(n)) {
        single_stage<false>(values.data(), n, load(twiddles_[1]));
    }
    permute(values, bit_reversed_);
    const double scale = 1.0 / static_cast<double>(n);
    for (std::complex<double>& value : values) {
        value *= scale;
    }
}

}  // namespace cipherfit
