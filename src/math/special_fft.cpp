#include "math/special_fft.h"

#include "cipherfit/base/error.h"
#include "math/kernels/kernel_table.h"

#include <array>
#include <cmath>
#include <mutex>
#include <numbers>
#include <optional>
#include <utility>

namespace cipherfit {
namespace {

// std::complex's product checks for NaN at every step.
using Complex = std::complex<double>;

Complex times(Complex a, Complex w) {
    return {a.real() * w.real() - a.imag() * w.imag(), a.real() * w.imag() + a.imag() * w.real()};
}

void two_stages(std::span<Complex> values, const std::vector<Complex>& twiddles, std::size_t h,
                bool joining) {
    // A complex number is an array of two doubles.
    kernels().fft_two_stages(reinterpret_cast<double*>(values.data()), values.size(),
                             reinterpret_cast<const double*>(twiddles.data()), h, joining);
}

// The stage of blocks of 2 values, alone, where the number of stages is odd.
void join_pairs(std::span<Complex> values, Complex w) {
    for (std::size_t i = 0; i < values.size(); i += 2) {
        const Complex product = times(values[i + 1], w);
        values[i + 1] = values[i] - product;
        values[i] += product;
    }
}
void split_pairs(std::span<Complex> values, Complex w) {
    for (std::size_t i = 0; i < values.size(); i += 2) {
        const Complex difference = values[i] - values[i + 1];
        values[i] += values[i + 1];
        values[i + 1] = times(difference, std::conj(w));
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

constexpr unsigned largest_log_n = 17;

void require_log_n(unsigned log_n) {
    require(log_n >= 2 && log_n <= largest_log_n, ErrorCode::invalid_argument,
            "SpecialFft: log_n = {} is outside [2, {}]", log_n, largest_log_n);
}

}  // namespace

SpecialFft SpecialFft::create(unsigned log_n) {
    require_log_n(log_n);
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

const SpecialFft& SpecialFft::shared(unsigned log_n) {
    struct Entry {
        std::once_flag made;
        std::optional<const SpecialFft> fft;
    };
    static std::array<Entry, largest_log_n + 1> entries;
    require_log_n(log_n);
    Entry& entry = entries[log_n];
    std::call_once(entry.made, [&] { entry.fft.emplace(create(log_n)); });
    return *entry.fft;  // NOLINT(bugprone-unchecked-optional-access): made above
}

void SpecialFft::to_slots(std::span<std::complex<double>> values) const {
    const std::size_t n = slots();
    require(values.size() == n, ErrorCode::invalid_argument,
            "SpecialFft: {} values for a transform of {} slots", values.size(), n);
    permute(values, bit_reversed_);
    std::size_t h = 1;
    if (has_odd_logarithm(n)) {
        join_pairs(values, twiddles_[1]);
        h = 2;
    }
    for (; h < n; h *= 4) {
        two_stages(values, twiddles_, h, true);
    }
}

void SpecialFft::to_coefficients(std::span<std::complex<double>> values) const {
    const std::size_t n = slots();
    require(values.size() == n, ErrorCode::invalid_argument,
            "SpecialFft: {} values for a transform of {} slots", values.size(), n);
    std::size_t h = n / 4;
    for (; h >= 1; h /= 4) {
        two_stages(values, twiddles_, h, false);
    }
    if (has_odd_logarithm(n)) {
        split_pairs(values, twiddles_[1]);
    }
    permute(values, bit_reversed_);
    const double scale = 1.0 / static_cast<double>(n);
    for (std::complex<double>& value : values) {
        value *= scale;
    }
}

}  // namespace cipherfit
