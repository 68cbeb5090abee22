// Evaluation keys: what the server may hold. Everything here is public.
//
// A switching key from s' to t encrypts, for each digit d of Q, the value P g_d s' under t modulo
// Q P, where g_d is 1 modulo the primes of digit d and 0 modulo the others:
//     b_d = -a_d t + e_d + P g_d s',   d < dnum.
// Relinearisation: s' = s^2, t = s. Rotation by the automorphism f: s' = s, t = f^-1(s), so that
// digits are used as they are and only the result is permuted by f.
// Conjugation is the automorphism X -> X^(2N-1), which conjugates all slots.
// A key made at a level holds only the limbs q_0..q_level and P, and only the digits in use there.
//
// Two more keys serve bootstrapping (sparse-secret encapsulation: Bossuat, Troncoso-Pastoriza and
// Hubaux, ACNS 2022). Between them a ciphertext is under a sparse secret u of `sparse_weight`
// non-zero coefficients that exists only while keys are made. Both have a single digit:
//     sparse encapsulation, from s to u, modulo q_0 p_0 only:  b = -a u + e + p_0 s
//     sparse release, from u to s, modulo Q_level P:           b = -a s + e + P u
// The first is the only thing made under u, and its modulus is all that u has to withstand. The
// second needs no digits because what it switches is below q_0.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/rlwe/rns_poly.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cipherfit {

// Non-zero coefficients of the ephemeral sparse secret.
constexpr std::size_t sparse_weight = 32;

// Which key: 0 stands for relinearisation, a number in 1..N/2 - 1 for the rotation of the slots to
// the left by that many steps, the highest three for conjugation and the keys of encapsulation.
struct KeyId {
    std::uint32_t code = 0;

    static KeyId relinearization() noexcept { return {0}; }
    // steps of either sign; throws Error(invalid_argument) where they are 0 modulo `slots`.
    static KeyId of_rotation(std::int64_t steps, std::size_t slots);
    static KeyId conjugation() noexcept { return {0xffffffffU}; }
    static KeyId sparse_encapsulation() noexcept { return {0xfffffffeU}; }
    static KeyId sparse_release() noexcept { return {0xfffffffdU}; }
    bool is_relinearization() const noexcept { return code == 0; }
    bool is_conjugation() const noexcept { return *this == conjugation(); }
    bool is_encapsulation() const noexcept {
        return *this == sparse_encapsulation() || *this == sparse_release();
    }
    // "relinearisation", "rotation by 5": for messages.
    std::string describe() const;
    friend auto operator<=>(const KeyId&, const KeyId&) = default;
    friend bool operator==(const KeyId&, const KeyId&) = default;
};

// 5^steps mod 2N: the automorphism that rotates slots to the left by `steps` >= 0.
std::uint32_t galois_element(std::uint32_t steps, unsigned log_n) noexcept;

// The automorphism of a rotation or of conjugation.
std::uint32_t galois_element(KeyId id, unsigned log_n) noexcept;

// The polynomials of a key and the limbs of each: q_0..q_{q_limbs-1}, then p_0..p_{p_limbs-1}.
struct KeyShape {
    std::size_t digits, q_limbs, p_limbs;
    std::size_t limbs() const noexcept { return q_limbs + p_limbs; }
};
// A key made for `level`. Throws Error(invalid_argument) for a level above the parameters', and for
// an encapsulation key above level 0.
KeyShape key_shape(const Parameters& parameters, KeyId id, std::size_t level);

// What operators declare before keys are made: each key with the highest level it is used at.
class KeyRequest {
  public:
    void relinearization(std::size_t level) { add(KeyId::relinearization(), level); }
    void rotation(std::int64_t steps, std::size_t slots, std::size_t level);
    void conjugation(std::size_t level) { add(KeyId::conjugation(), level); }
    void add(KeyId id, std::size_t level);
    void merge(const KeyRequest& other);
    const std::map<KeyId, std::size_t>& levels() const noexcept { return levels_; }

  private:
    std::map<KeyId, std::size_t> levels_;
};

// The half that must be stored: the b's; the a's expand from the seed.
struct SeededSwitchingKey {
    KeyId id;
    std::size_t level = 0;
    Seed seed{};
    std::vector<RnsPoly> b;  // one a digit, limbs as in key_shape(), NTT values
};

struct SwitchingKey {
    KeyId id;
    std::size_t level = 0;
    std::vector<RnsPoly> b, a;
};

// Throws Error(corrupt_data) where the shape does not fit the parameters.
SwitchingKey expand(SeededSwitchingKey key, const Parameters& parameters);

// Bytes of the key in memory, expanded, and of its residues and seed as sent.
std::size_t switching_key_memory_bytes(const Parameters& parameters, std::size_t level,
                                       KeyId id = {});
std::size_t switching_key_packed_bytes(const Parameters& parameters, std::size_t level,
                                       KeyId id = {});

// The keys of one owner, by id. A value; move-only because it is large.
class EvaluationKeys {
  public:
    explicit EvaluationKeys(Parameters parameters) : parameters_(std::move(parameters)) {}
    const Parameters& parameters() const noexcept { return parameters_; }
    // Replaces a key of the same id.
    void insert(SwitchingKey key);
    // Throws Error(missing_key), naming the key and the level, where there is none or it was made
    // for a lower level.
    const SwitchingKey& get(KeyId id, std::size_t level) const;
    bool contains(KeyId id) const { return keys_.contains(id); }
    std::size_t size() const noexcept { return keys_.size(); }
    // Throws Error(missing_key) for the first request that is not met.
    void check(const KeyRequest& request) const;

  private:
    Parameters parameters_;
    std::map<KeyId, SwitchingKey> keys_;
};

}  // namespace cipherfit
