// An owner on a small ring, for tests of CKKS and what is built on it.
#pragma once

#include "cipherfit/ckks/encoder.h"
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "support/noise.h"
#include "support/rings.h"

#include <complex>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace cipherfit::test {

using Random = std::mt19937_64;

// Uniform in the square [-1, 1]^2, from a seeded engine alone.
inline Slots random_slots(Random& random, std::size_t count, double magnitude = 1.0) {
    const auto uniform = [&] {
        return magnitude * (static_cast<double>(random() >> 11U) * 0x1p-52 - 1.0);
    };
    Slots values(count);
    for (auto& value : values) {
        const double real = uniform();
        value = {real, uniform()};
    }
    return values;
}

inline std::vector<double> random_reals(Random& random, std::size_t count, double magnitude = 1.0) {
    const Slots values = random_slots(random, count, magnitude);
    std::vector<double> reals(count);
    for (std::size_t i = 0; i < count; ++i) {
        reals[i] = values[i].real();
    }
    return reals;
}

inline Slots to_complex(std::span<const double> values, std::size_t slots) {
    Slots result(slots);
    std::copy(values.begin(), values.end(), result.begin());
    return result;
}

struct Owner {
    explicit Owner(const Parameters& ring)
        : parameters(ring), key(SecretKey::generate(ring)), encoder(ring), noise(ring) {}

    EvaluationKeys keys(const KeyRequest& request) const {
        return KeyGenerator(key).evaluation_keys(request);
    }
    template <class Value>
    Ciphertext encrypt(const std::vector<Value>& values, std::size_t level, double scale) const {
        return cipherfit::encrypt(key,
                                  encoder.encode(std::span<const Value>(values), level, scale));
    }
    Slots decrypt(const Ciphertext& ciphertext) const {
        return encoder.decode_complex(cipherfit::decrypt(key, ciphertext));
    }
    std::vector<double> decrypt_real(const Ciphertext& ciphertext) const {
        return encoder.decode(cipherfit::decrypt(key, ciphertext));
    }

    Parameters parameters;
    SecretKey key;
    Encoder encoder;
    RingNoise noise;
};

// Whether two polynomials or ciphertexts hold the same bits.
inline bool same_bits(const RnsPoly& a, const RnsPoly& b) {
    return a.n() == b.n() && a.limbs() == b.limbs() &&
           std::equal(a.limb(0), a.limb(0) + a.n() * a.limbs(), b.limb(0));
}

inline bool same_bits(const Ciphertext& a, const Ciphertext& b) {
    if (a.size() != b.size() || a.level() != b.level() || a.scale() != b.scale()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!same_bits(a.part(i), b.part(i))) {
            return false;
        }
    }
    return true;
}

}  // namespace cipherfit::test
