#include "rlwe/owner/sampling.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace cipherfit {
namespace {

// thresholds[k] = 2^63 P(|e| <= k) for the discrete Gaussian: a uniform 63-bit number lies at or
// above as many thresholds as the magnitude it stands for.
std::array<std::uint64_t, largest_error> magnitude_thresholds() {
    const auto weight = [](int k) {
        return std::exp(
            static_cast<long double>(-k * k) /
            (2.0L * static_cast<long double>(error_sigma) * static_cast<long double>(error_sigma)));
    };
    long double total = weight(0);
    for (int k = 1; k <= largest_error; ++k) {
        total += 2 * weight(k);
    }
    std::array<std::uint64_t, largest_error> thresholds{};
    long double cumulative = weight(0);
    for (int k = 0; k < largest_error; ++k) {
        thresholds[static_cast<std::size_t>(k)] =
            static_cast<std::uint64_t>(std::ldexp(cumulative / total, 63));
        cumulative += 2 * weight(k + 1);
    }
    return thresholds;
}

Seed fresh_secret_seed() {
    Seed seed{};
    random_secret_bytes(seed);
    return seed;
}

KeyStream fresh_stream() {
    Seed seed = fresh_secret_seed();
    KeyStream stream(seed, 0);
    secure_wipe(seed.data(), seed.size());
    return stream;
}

}  // namespace

SecretSampler::SecretSampler() : stream_(fresh_stream()) {}

SecretSampler::SecretSampler(const Seed& seed) : stream_(seed, 0) {}

void SecretSampler::ternary(std::span<std::int8_t> out) {
    std::array<std::uint8_t, 4096> bytes{};
    std::size_t done = 0;
    while (done < out.size()) {
        stream_.fill(bytes);
        for (std::size_t i = 0; i < bytes.size() && done < out.size(); ++i) {
            // Rejecting 255 says nothing about the bytes that are kept.
            const unsigned byte = bytes[i];
            if (byte != 255) {
                const unsigned third = (byte * 171U) >> 9U;  // floor(byte / 3)
                out[done++] = static_cast<std::int8_t>(static_cast<int>(byte - 3U * third) - 1);
            }
        }
    }
    secure_wipe(bytes.data(), bytes.size());
}

void SecretSampler::sparse_ternary(std::span<std::int8_t> out, std::size_t weight) {
    const std::size_t n = out.size();
    require(std::has_single_bit(n) && weight <= n / 2 && n <= (std::size_t{1} << 32U),
            ErrorCode::invalid_argument,
            "cannot draw {} non-zero coefficients of {}: a power of two of at least twice as many "
            "is needed",
            weight, n);
    std::fill(out.begin(), out.end(), std::int8_t{0});
    std::uint64_t word = 0;
    for (std::size_t placed = 0; placed < weight;) {
        std::array<std::uint8_t, sizeof(word)> bytes{};
        stream_.fill(bytes);
        std::memcpy(&word, bytes.data(), sizeof(word));
        secure_wipe(bytes.data(), bytes.size());
        const auto place = static_cast<std::uint32_t>(word & (n - 1));
        const int sign = 1 - 2 * static_cast<int>(word >> 63U);
        // Passes over all coefficients, so that no address depends on the place.
        int taken = 0;
        for (std::uint32_t i = 0; i < n; ++i) {
            taken |= (i == place ? 1 : 0) & (out[i] & 1);
        }
        const int keep = sign * (1 - taken);
        for (std::uint32_t i = 0; i < n; ++i) {
            out[i] = static_cast<std::int8_t>(out[i] + keep * (i == place ? 1 : 0));
        }
        placed += static_cast<std::size_t>(1 - taken);
    }
    secure_wipe(&word, sizeof(word));
}

void SecretSampler::gaussian(std::span<std::int8_t> out) {
    static const auto thresholds = magnitude_thresholds();
    std::array<std::uint64_t, 512> words{};
    std::array<std::uint8_t, 4096> bytes{};
    for (std::size_t done = 0; done < out.size();) {
        const std::size_t count = std::min(words.size(), out.size() - done);
        stream_.fill(bytes);
        std::memcpy(words.data(), bytes.data(), bytes.size());
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t uniform = words[i] >> 1U;
            std::uint64_t magnitude = 0;
            for (const std::uint64_t threshold : thresholds) {
                magnitude += ((threshold - 1 - uniform) >> 63U);  // 1 iff uniform >= threshold
            }
            const std::uint64_t sign = 0 - (words[i] & 1U);
            out[done + i] = static_cast<std::int8_t>((magnitude ^ sign) - sign);
        }
        done += count;
    }
    secure_wipe(words.data(), sizeof(words));
    secure_wipe(bytes.data(), bytes.size());
}

RnsPoly small_to_ntt(const Ring& ring, std::span<const std::int8_t> coefficients, std::size_t limbs,
                     std::size_t level) {
    RnsPoly result(ring.n(), limbs);
    parallel_for(0, limbs, [&](std::size_t limb) {
        const std::size_t prime = ring.prime_of_limb(limb, level);
        const std::uint64_t q = ring.modulus(prime).value;
        std::uint64_t* out = result.limb(limb);
        for (std::size_t i = 0; i < coefficients.size(); ++i) {
            const auto value = static_cast<std::uint64_t>(std::int64_t{coefficients[i]});
            out[i] = value + (q & (0 - (value >> 63U)));
        }
        ring.forward(out, prime);
    });
    return result;
}

}  // namespace cipherfit
