#include "cipherfit/ckks/encoder.h"

#include "cipherfit/base/parallel.h"
#include "math/special_fft.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

using Complex = std::complex<double>;

__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

// Residues of rounded doubles; magnitudes below 2^62 take the short way.
void reduce_into(std::uint64_t* out, std::span<const double> coefficients, const Modulus& q) {
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
        const double x = coefficients[k];
        if (std::abs(x) < 0x1p62) {
            const std::int64_t value = std::llrint(x);
            const std::uint64_t magnitude = reduce(value < 0 ? 0 - static_cast<std::uint64_t>(value)
                                                             : static_cast<std::uint64_t>(value),
                                                   q);
            out[k] = value < 0 && magnitude != 0 ? q.value - magnitude : magnitude;
        } else {
            out[k] = reduce_double(x, q);
        }
    }
}

// The centred value of the residues r_0 mod q_0 and r_1 mod q_1 (Garner).
double centred_pair(std::uint64_t r0, std::uint64_t r1, const Modulus& q0, const Modulus& q1,
                    std::uint64_t q0_inverse) {
    const std::uint64_t high = multiply_mod(subtract_mod(r1, reduce(r0, q1), q1), q0_inverse, q1);
    const uint128 value = static_cast<uint128>(high) * q0.value + r0;
    const uint128 product = static_cast<uint128>(q0.value) * q1.value;
    const auto centred =
        value > product / 2 ? -static_cast<int128>(product - value) : static_cast<int128>(value);
    return static_cast<double>(centred);
}

}  // namespace

Encoder::Encoder(const Parameters& parameters)
    : parameters_(parameters), fft_(&SpecialFft::shared(parameters.log_n())) {}

Plaintext Encoder::encode(std::span<const double> values, std::size_t level, double scale) const {
    std::vector<Complex> slots(std::min(values.size(), parameters_.slots() + 1));
    std::copy_n(values.begin(), slots.size(), slots.begin());
    Plaintext encoded = encode(slots, level, scale);
    secure_wipe(slots.data(), slots.size() * sizeof(Complex));
    return encoded;
}

Plaintext Encoder::encode(std::span<const Complex> values, std::size_t level, double scale) const {
    const Ring& ring = parameters_.ring();
    const std::size_t slots = parameters_.slots();
    require(values.size() <= slots, ErrorCode::invalid_argument,
            "cannot encode more values than the {} slots of log_n = {}", slots,
            parameters_.log_n());
    require(level <= parameters_.max_level(), ErrorCode::invalid_argument,
            "cannot encode at level {}: the highest is {}", level, parameters_.max_level());
    require(std::isfinite(scale) && scale > 0, ErrorCode::invalid_argument,
            "a scale must be positive and finite, got {}", scale);
    std::vector<Complex> work(slots);
    std::copy(values.begin(), values.end(), work.begin());
    const bool finite = std::all_of(work.begin(), work.end(), [](const Complex& value) {
        return std::isfinite(value.real()) && std::isfinite(value.imag());
    });
    require(finite, ErrorCode::invalid_argument, "cannot encode a value that is not finite");

    fft_->to_coefficients(work);
    std::vector<double> coefficients(2 * slots);
    double largest = 0;
    for (std::size_t k = 0; k < slots; ++k) {
        coefficients[k] = work[k].real() * scale;
        coefficients[k + slots] = work[k].imag() * scale;
        for (const double value : {coefficients[k], coefficients[k + slots]}) {
            // NaN is what an overflow of the transform leaves.
            largest = std::isnan(value) ? HUGE_VAL : std::max(largest, std::abs(value));
        }
    }
    require(largest == 0 || std::log2(largest) < parameters_.log_q(level) - 1,
            ErrorCode::invalid_argument,
            "values times the scale 2^{:.1f} reach 2^{:.1f}, but level {} holds 2^{:.1f}: use a "
            "smaller scale or a higher level",
            std::log2(scale), std::log2(largest), level, parameters_.log_q(level) - 1);

    RnsPoly poly(ring.n(), level + 1);
    parallel_for(0, level + 1, [&](std::size_t i) {
        reduce_into(poly.limb(i), coefficients, ring.modulus(i));
        ring.forward(poly.limb(i), i);
    });
    secure_wipe(coefficients.data(), coefficients.size() * sizeof(double));
    secure_wipe(work.data(), work.size() * sizeof(Complex));
    return {std::move(poly), {level, scale}};
}

std::vector<double> Encoder::decode(const Plaintext& plaintext) const {
    std::vector<Complex> values = decode_complex(plaintext);
    std::vector<double> result(values.size());
    std::transform(values.begin(), values.end(), result.begin(),
                   [](const Complex& value) { return value.real(); });
    secure_wipe(values.data(), values.size() * sizeof(Complex));
    return result;
}

std::vector<Complex> Encoder::decode_complex(const Plaintext& plaintext) const {
    const Ring& ring = parameters_.ring();
    const std::size_t limbs = std::min<std::size_t>(plaintext.level() + 1, 2);
    require(std::log2(plaintext.scale()) < parameters_.log_q(limbs - 1) - 1,
            ErrorCode::invalid_argument,
            "cannot decode at scale 2^{:.1f} and level {}: rescale first",
            std::log2(plaintext.scale()), plaintext.level());
    RnsPoly poly = plaintext.poly().copy(limbs);
    const WipeGuard guard(poly);
    parallel_for(0, limbs, [&](std::size_t i) { ring.inverse(poly.limb(i), i); });

    const std::size_t slots = parameters_.slots();
    SecretVector<double> coefficients(2 * slots);
    const Modulus& q0 = ring.modulus(0);
    if (limbs == 1) {
        for (std::size_t k = 0; k < 2 * slots; ++k) {
            coefficients[k] = static_cast<double>(centred(poly.limb(0)[k], q0));
        }
    } else {
        const Modulus& q1 = ring.modulus(1);
        const std::uint64_t q0_inverse = inverse_mod(reduce(q0.value, q1), q1);
        for (std::size_t k = 0; k < 2 * slots; ++k) {
            coefficients[k] = centred_pair(poly.limb(0)[k], poly.limb(1)[k], q0, q1, q0_inverse);
        }
    }
    std::vector<Complex> values(slots);
    for (std::size_t k = 0; k < slots; ++k) {
        values[k] = Complex(coefficients[k], coefficients[k + slots]) / plaintext.scale();
    }
    fft_->to_slots(values);
    return values;
}

double largest_coefficient(std::span<const Complex> slots) {
    require(std::has_single_bit(slots.size()) && slots.size() >= 2, ErrorCode::invalid_argument,
            "a message repeats with a power of two of slots, 2 or more, got {}", slots.size());
    std::vector<Complex> work(slots.begin(), slots.end());
    SpecialFft::shared(static_cast<unsigned>(std::countr_zero(slots.size())) + 1)
        .to_coefficients(work);
    double largest = 0;
    for (const Complex& pair : work) {
        largest = std::max({largest, std::abs(pair.real()), std::abs(pair.imag())});
    }
    return largest;
}

}  // namespace cipherfit
