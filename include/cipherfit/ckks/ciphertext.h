// CKKS messages: N/2 slots of complex numbers times a scale, rounded (Cheon, Kim, Kim and Song,
// ASIACRYPT 2017; RNS form of Cheon, Han, Kim, Kim and Song, SAC 2018).
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/rns_poly.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace cipherfit {

// Level and scale travel with every message and only operations change them.
struct MessageInfo {
    std::size_t level = 0;  // limbs - 1
    double scale = 1.0;
};

// An encoded message: one polynomial, NTT values. Wiped when it goes, since from a decrypted one
// and its ciphertext the key follows. Move-only.
class Plaintext {
  public:
    // Throws Error(invalid_argument) unless the polynomial has level + 1 limbs and scale > 0.
    Plaintext(RnsPoly poly, MessageInfo info);
    ~Plaintext() { poly_.wipe(); }
    Plaintext(Plaintext&&) noexcept = default;
    Plaintext& operator=(Plaintext&&) noexcept = default;
    Plaintext(const Plaintext&) = delete;
    Plaintext& operator=(const Plaintext&) = delete;
    std::size_t level() const noexcept { return info_.level; }
    double scale() const noexcept { return info_.scale; }
    const RnsPoly& poly() const noexcept { return poly_; }

  private:
    RnsPoly poly_;
    MessageInfo info_;
};

// An encrypted message: (c_0, c_1) with c_0 + c_1 s = message + error, or, as a sum of products
// before relinearisation, (c_0, c_1, c_2) with c_2 s^2 added. Move-only; copy() is explicit.
class Ciphertext {
  public:
    Ciphertext() = default;
    // Throws Error(invalid_argument) unless there are 2 or 3 parts of level + 1 limbs and scale >
    // 0.
    Ciphertext(std::vector<RnsPoly> parts, MessageInfo info);
    std::size_t level() const noexcept { return info_.level; }
    double scale() const noexcept { return info_.scale; }
    MessageInfo info() const noexcept { return info_; }
    std::size_t size() const noexcept { return parts_.size(); }
    const RnsPoly& part(std::size_t i) const noexcept { return parts_[i]; }
    std::size_t bytes() const noexcept;
    Ciphertext copy() const;

    // The same ciphertext read as `factor` times the message: the scale is divided by the factor.
    // Exact, no level, no time. The factor must be positive and finite.
    Ciphertext with_factor(double factor) &&;

  private:
    friend class Evaluator;
    std::vector<RnsPoly> parts_;
    MessageInfo info_;
};

// A fresh secret-key encryption as it is sent: c_0, and the seed of the uniform c_1.
struct SeededCiphertext {
    RnsPoly c0;
    Seed seed{};
    MessageInfo info;
};

// Expands c_1. Throws Error(corrupt_data) where the shape does not fit the parameters.
Ciphertext expand(const SeededCiphertext& seeded, const Parameters& parameters);

// Whether two scales are the same up to the rounding of doubles (relative 2^-45).
bool same_scale(double a, double b) noexcept;

}  // namespace cipherfit
