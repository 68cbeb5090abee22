// A polynomial of Z_M[X]/(X^N + 1) as residues: one limb of N words per prime, limb after limb,
// 64-byte aligned. Which primes the limbs belong to and whether they hold coefficients or NTT
// values is the owner's knowledge; ciphertexts, plaintexts and keys always hold NTT values.
#pragma once

#include "cipherfit/base/buffer.h"

#include <cstddef>
#include <cstdint>

namespace cipherfit {

class RnsPoly {
  public:
    RnsPoly() = default;
    // Uninitialised unless `zeroed`.
    RnsPoly(std::size_t n, std::size_t limbs, bool zeroed = false)
        : words_(n * limbs, zeroed), n_(n), limbs_(limbs) {}

    std::size_t n() const noexcept { return n_; }
    std::size_t limbs() const noexcept { return limbs_; }
    std::uint64_t* limb(std::size_t i) noexcept { return words_.data() + i * n_; }
    const std::uint64_t* limb(std::size_t i) const noexcept { return words_.data() + i * n_; }
    std::size_t bytes() const noexcept { return n_ * limbs_ * sizeof(std::uint64_t); }

    // The first `limbs` limbs, copied.
    RnsPoly copy(std::size_t limbs) const;
    RnsPoly copy() const { return copy(limbs_); }
    void wipe() noexcept { words_.wipe(); }

  private:
    Buffer words_;
    std::size_t n_ = 0;
    std::size_t limbs_ = 0;
};

}  // namespace cipherfit
