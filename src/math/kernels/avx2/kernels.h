// The kernels of CPUs with AVX2 and FMA: four lanes, products of 50-bit numbers exact in pairs of
// doubles. The contracts are those of kernel_table.h.
// Permutations are the portable kernel's: AVX2's gathers are no faster than single loads.
#pragma once

#include "math/kernels/kernel_table.h"

namespace cipherfit::avx2 {

void ntt_forward(std::uint64_t* values, const NttTables& tables) noexcept;
void ntt_inverse(std::uint64_t* values, const NttTables& tables) noexcept;
void add(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
         const Modulus& q) noexcept;
void subtract(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept;
void negate(std::uint64_t* out, const std::uint64_t* a, std::size_t n, const Modulus& q) noexcept;
void multiply(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
              const Modulus& q) noexcept;
void multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                     std::size_t n, const Modulus& q) noexcept;
void multiply_scalar_add(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                         std::size_t n, const Modulus& q) noexcept;
void subtract_multiply_scalar(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                              const ShoupFactor& w, std::size_t n, const Modulus& q) noexcept;
void multiply_accumulate(std::uint64_t* out, const std::uint64_t* const* a,
                         const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                         std::size_t n, const Modulus& q) noexcept;
void switch_modulus(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                    const Modulus& source, const Modulus& q) noexcept;
void convert_base(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                  const BaseConversionView& view) noexcept;
void fft_two_stages(double* values, std::size_t count, const double* twiddles, std::size_t h,
                    bool joining) noexcept;

extern const KernelTable table;

}  // namespace cipherfit::avx2
