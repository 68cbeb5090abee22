// Secret seeds for one purpose each, from one secret seed.
#pragma once

#include "cipherfit/base/secure.h"
#include "math/modulus.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace cipherfit {

// A seed that wipes itself.
class SecretSeed {
  public:
    explicit SecretSeed(const Seed& value) noexcept : value_(value) {}
    ~SecretSeed() { secure_wipe(value_.data(), value_.size()); }
    SecretSeed(SecretSeed&& other) noexcept : value_(other.value_) {
        secure_wipe(other.value_.data(), other.value_.size());
    }
    SecretSeed& operator=(SecretSeed&& other) noexcept {
        if (this != &other) {
            value_ = other.value_;
            secure_wipe(other.value_.data(), other.value_.size());
        }
        return *this;
    }
    SecretSeed(const SecretSeed&) = delete;
    SecretSeed& operator=(const SecretSeed&) = delete;
    const Seed& value() const noexcept { return value_; }

  private:
    Seed value_;
};

// HMAC-SHA-256 under `secret` of the label and the context (a digest of all that the derived seed
// is to depend on). Different labels or contexts give independent seeds.
SecretSeed derive_seed(const Seed& secret, std::string_view label, const Digest& context);

// Independent uniform residues modulo q from a stream of a secret seed, as expand_uniform() draws
// them from a public one. What is kept on the way is wiped.
void expand_secret_uniform(std::span<std::uint64_t> out, const Seed& seed, std::uint64_t stream,
                           const Modulus& q);

}  // namespace cipherfit
