// The owner's secret key and what is made from it. Nothing outside owner/ folders includes this
// header, and the server's program does not link the library behind it.
#pragma once

#include "cipherfit/base/locked_memory.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/rns_poly.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// N uniform ternary coefficients, in memory that is locked and left out of dumps as far as the
// system lets it (base/locked_memory.h). Move-only; wiped when it goes.
class SecretKey {
  public:
    // From the system's CSPRNG.
    static SecretKey generate(const Parameters& parameters);
    // From N stored coefficients in {-1, 0, 1}; throws Error(corrupt_data) for anything else.
    static SecretKey from_coefficients(const Parameters& parameters,
                                       std::span<const std::int8_t> coefficients, const Digest& id);
    ~SecretKey();
    SecretKey(SecretKey&&) noexcept = default;
    SecretKey& operator=(SecretKey&& other) noexcept;
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;

    const Parameters& parameters() const noexcept { return parameters_; }
    std::span<const std::int8_t> coefficients() const noexcept { return coefficients_.span(); }
    // The key modulo every prime (q_0..q_L, then the special ones), NTT values.
    const RnsPoly& ntt() const noexcept { return ntt_; }
    // A random public name of this key; every file made with it carries the name.
    const Digest& id() const noexcept { return id_; }

  private:
    SecretKey(const Parameters& parameters, LockedVector<std::int8_t> coefficients,
              const Digest& id);
    void wipe() noexcept;
    Parameters parameters_;
    LockedVector<std::int8_t> coefficients_;
    RnsPoly ntt_;
    Digest id_{};
};

// (b, a) modulo Q with b = -a s + e; a expands from the seed.
struct PublicKey {
    Parameters parameters;
    RnsPoly b, a;
    Seed seed{};
};

// Makes public material from a secret key, which must outlive it. Each generator has a sparse
// secret of its own for the two keys of encapsulation: they fit each other only when one generator
// made both.
class KeyGenerator {
  public:
    explicit KeyGenerator(const SecretKey& key);
    ~KeyGenerator();
    KeyGenerator(const KeyGenerator&) = delete;
    KeyGenerator& operator=(const KeyGenerator&) = delete;
    PublicKey public_key() const;
    // One switching key (evaluation_keys.h), with the limbs of `level` only: 0..max_level.
    SeededSwitchingKey switching_key(KeyId id, std::size_t level) const;
    // All that a request names, expanded: for programs that play both roles in one process.
    EvaluationKeys evaluation_keys(const KeyRequest& request) const;

  private:
    SeededSwitchingKey encapsulation_key(KeyId id, std::size_t level) const;
    const SecretKey& key_;
    Seed sparse_seed_{};  // the sparse secret is drawn from it whenever it is needed
};

}  // namespace cipherfit
