// RNS base conversion (Bajard et al.; with the quotient correction of Halevi, Polyakov and Shoup,
// CT-RSA 2019): residues modulo q_0..q_{k-1} to residues modulo other primes.
#pragma once

#include "math/kernels/kernel_table.h"
#include "math/modulus.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

class BaseConversion {
  public:
    // 1 to 64 distinct source primes; targets must not be among them.
    static BaseConversion create(std::span<const Modulus> sources,
                                 std::span<const Modulus> targets);
    std::size_t sources() const noexcept { return source_moduli_.size(); }
    std::size_t targets() const noexcept { return target_moduli_.size(); }
    // See KernelTable::convert_base: the centred value, in `out[j]` for target j. n = words a limb.
    void apply(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n) const;
    // What a kernel needs; refers to this object.
    BaseConversionView view() const noexcept;

  private:
    BaseConversion() = default;
    std::vector<Modulus> source_moduli_, target_moduli_;
    std::vector<ShoupFactor> source_factors_, target_products_;
    std::vector<double> source_inverses_;
    std::vector<std::uint64_t> matrix_;
};

}  // namespace cipherfit
