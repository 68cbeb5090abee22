// The tables of one set of primes: NTTs, and the constants of rescaling and key switching at every
// level. Immutable but for a cache of automorphisms; shared by all objects of its parameters.
//
// Primes are numbered q_0..q_L, then p_0..p_{K-1} as L+1..L+K. A polynomial "modulo Q_l P" has the
// limbs q_0..q_l followed by p_0..p_{K-1}.
#pragma once

#include "cipherfit/rlwe/rns_poly.h"
#include "math/base_conversion.h"
#include "math/kernels/kernel_table.h"
#include "math/ntt.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace cipherfit {

// An automorphism X -> X^g on NTT values: out[i] = in[permutation[i]].
using Permutation = std::vector<std::uint32_t>;

class Ring {
  public:
    static std::shared_ptr<const Ring> create(unsigned log_n, std::span<const std::uint64_t> q,
                                              std::span<const std::uint64_t> p,
                                              std::size_t digit_size);

    unsigned log_n() const noexcept { return log_n_; }
    std::size_t n() const noexcept { return std::size_t{1} << log_n_; }
    std::size_t q_count() const noexcept { return q_count_; }
    std::size_t p_count() const noexcept { return tables_.size() - q_count_; }
    std::size_t digit_size() const noexcept { return digit_size_; }
    std::size_t digits_at(std::size_t level) const noexcept {
        return (level + digit_size_) / digit_size_;
    }
    const Modulus& modulus(std::size_t prime) const noexcept { return tables_[prime].modulus(); }
    const NttTables& tables(std::size_t prime) const noexcept { return tables_[prime]; }
    // The prime of limb i of a polynomial modulo Q_level P.
    std::size_t prime_of_limb(std::size_t limb, std::size_t level) const noexcept {
        return limb <= level ? limb : q_count_ + (limb - level - 1);
    }
    void forward(std::uint64_t* limb, std::size_t prime) const {
        kernels().ntt_forward(limb, tables_[prime]);
    }
    void inverse(std::uint64_t* limb, std::size_t prime) const {
        kernels().ntt_inverse(limb, tables_[prime]);
    }

    // P mod q_i; P^-1 mod q_i; q_level^-1 mod q_i; (P q_level)^-1 mod q_i.
    const ShoupFactor& p_mod(std::size_t i) const noexcept { return p_mod_[i]; }
    const ShoupFactor& p_inverse(std::size_t i) const noexcept { return p_inverse_[i]; }
    const ShoupFactor& q_inverse(std::size_t level, std::size_t i) const noexcept {
        return levels_[level].q_inverse[i];
    }
    const ShoupFactor& pq_inverse(std::size_t level, std::size_t i) const noexcept {
        return levels_[level].pq_inverse[i];
    }
    // From the limbs of `digit` (those at or below `level`) to the other limbs modulo Q_level P,
    // in their order.
    const BaseConversion& mod_up(std::size_t level, std::size_t digit) const noexcept {
        return levels_[level].mod_up[digit];
    }
    // From P to q_0..q_level.
    const BaseConversion& mod_down(std::size_t level) const noexcept {
        return levels_[level].mod_down[0];
    }
    // From q_level and P (in this order) to q_0..q_{level-1}. level >= 1.
    const BaseConversion& mod_down_rescale(std::size_t level) const noexcept {
        return levels_[level].mod_down_rescale[0];
    }

    // X -> X^g, g odd, 0 < g < 2N.
    const Permutation& permutation(std::uint32_t galois_element) const;

  private:
    struct Level {
        std::vector<ShoupFactor> q_inverse, pq_inverse;
        std::vector<BaseConversion> mod_up, mod_down, mod_down_rescale;
    };
    Ring() = default;
    Level make_level(std::size_t level) const;

    unsigned log_n_ = 0;
    std::size_t q_count_ = 0;
    std::size_t digit_size_ = 0;
    std::vector<NttTables> tables_;
    std::vector<ShoupFactor> p_mod_, p_inverse_;
    std::vector<Level> levels_;
    mutable std::mutex mutex_;
    mutable std::map<std::uint32_t, std::unique_ptr<const Permutation>> permutations_;
};

}  // namespace cipherfit
