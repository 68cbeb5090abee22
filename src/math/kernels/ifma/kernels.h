// The kernels of CPUs with AVX-512 F, DQ, VL and IFMA: eight lanes, 52 x 52 -> 104-bit products.
// The contracts are those of kernel_table.h.
#pragma once

#include "math/kernels/kernel_table.h"

namespace cipherfit::ifma {

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
void permute(std::uint64_t* out, const std::uint64_t* in, const std::uint32_t* index,
             std::size_t n) noexcept;
void switch_modulus(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                    const Modulus& source, const Modulus& q) noexcept;
void convert_base(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                  const BaseConversionView& view) noexcept;
void fft_two_stages(double* values, std::size_t count, const double* twiddles, std::size_t h,
                    bool joining) noexcept;

extern const KernelTable table;

}  // namespace cipherfit::ifma
