// The kernels: every loop over coefficients that training spends its time in, as a table of
// function pointers. Each instruction set fills one table in files of its own, compiled with
// exactly its flags; one table is chosen when the process starts (dispatch.cpp) and
// CIPHERFIT_ISA=portable|avx2|avx512ifma overrides the choice. Results are bit-identical whichever
// table runs.
//
// Contracts common to all: arrays are 64-byte aligned, n is a multiple of 16, residues are in
// [0, q) on entry and on return unless a comment says otherwise, `out` may equal an input but may
// not overlap it partially, and nothing throws or allocates.
#pragma once

#include "math/modulus.h"
#include "math/ntt.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cipherfit {

// The constants of one base conversion, from the primes q_0..q_{k-1} (product Q) to the primes
// p_0..p_{m-1}; built by math/base_conversion.h.
struct BaseConversionView {
    std::size_t sources = 0;  // k <= 64
    std::size_t targets = 0;  // m
    const Modulus* source_moduli = nullptr;
    const ShoupFactor* source_factors = nullptr;  // (Q/q_i)^-1 mod q_i
    const double* source_inverses = nullptr;      // 1 / q_i
    const Modulus* target_moduli = nullptr;
    const std::uint64_t* matrix = nullptr;         // m x k: Q/q_i mod p_j at [j * k + i]
    const ShoupFactor* target_products = nullptr;  // Q mod p_j
};

struct KernelTable {
    const char* name;  // "portable", "avx2", "avx512ifma"

    // In place, N = 2^log_n words, natural order to bit-reversed order and back (ntt.h).
    void (*ntt_forward)(std::uint64_t* values, const NttTables& tables) noexcept;
    void (*ntt_inverse)(std::uint64_t* values, const NttTables& tables) noexcept;

    // out = a + b, a - b, -a, a * b mod q, element by element.
    void (*add)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
                const Modulus& q) noexcept;
    void (*subtract)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                     std::size_t n, const Modulus& q) noexcept;
    void (*negate)(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                   const Modulus& q) noexcept;
    void (*multiply)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                     std::size_t n, const Modulus& q) noexcept;
    // out = a * w mod q; out = out + a * w mod q.
    void (*multiply_scalar)(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                            std::size_t n, const Modulus& q) noexcept;
    void (*multiply_scalar_add)(std::uint64_t* out, const std::uint64_t* a, const ShoupFactor& w,
                                std::size_t n, const Modulus& q) noexcept;
    // out = (a - b) * w mod q: the last step of rescaling and of ModDown. a may equal out.
    void (*subtract_multiply_scalar)(std::uint64_t* out, const std::uint64_t* a,
                                     const std::uint64_t* b, const ShoupFactor& w, std::size_t n,
                                     const Modulus& q) noexcept;
    // out = sum_k a[k] * b[k] mod q (+ out, if accumulate), with one reduction; terms <= 1024.
    void (*multiply_accumulate)(std::uint64_t* out, const std::uint64_t* const* a,
                                const std::uint64_t* const* b, std::size_t terms, bool accumulate,
                                std::size_t n, const Modulus& q) noexcept;
    // out[i] = in[index[i]]: an automorphism on values. out must not be in; index needs no
    // alignment; index[i] < n <= 2^31.
    void (*permute)(std::uint64_t* out, const std::uint64_t* in, const std::uint32_t* index,
                    std::size_t n) noexcept;
    // out = a mod q for a in [0, source), taken centred: values above source/2 count as negative.
    // Any relation of the two moduli.
    void (*switch_modulus)(std::uint64_t* out, const std::uint64_t* a, std::size_t n,
                           const Modulus& source, const Modulus& q) noexcept;
    // The residues in[i][*] of an integer x in [0, Q) become out[j][*] = (x centred) mod p_j:
    //   y_i = x_i (Q/q_i)^-1 mod q_i,  v = floor(sum_i y_i / q_i + 1/2),
    //   out_j = sum_i y_i (Q/q_i) - v Q mod p_j.
    // v is summed in doubles in the order i = 0..k-1, without fused operations; where x is within
    // k 2^-50 Q of Q/2, v may be one off and the result is x -+ Q: harmless where this is used.
    void (*convert_base)(std::uint64_t* const* out, const std::uint64_t* const* in, std::size_t n,
                         const BaseConversionView& view) noexcept;
    // Two stages of the embedding's FFT on `count` complex numbers (re, im, re, ...), h a power of
    // two, 4 h dividing count; special_fft.h has the factors: stage h at twiddles + 2 h. Joining,
    // those of blocks of 2 h and then of 4 h numbers, (x, y) -> (x + w y, x - w y); else back, 4 h
    // first, (x, y) -> (x + y, conj(w) (x - y)). Products are summed without fused operations. No
    // alignment beyond that of doubles.
    void (*fft_two_stages)(double* values, std::size_t count, const double* twiddles, std::size_t h,
                           bool joining) noexcept;
};

// The table in use, chosen at the first call. Throws Error(invalid_argument), which lists the
// names, when CIPHERFIT_ISA is not the name of a table that this CPU can run.
const KernelTable& kernels();
// The tables that this CPU can run, best first; the portable one is always the last.
std::vector<const KernelTable*> supported_kernels();
// The table of that name, or nullptr where there is none or the CPU lacks it.
const KernelTable* find_kernels(std::string_view name) noexcept;

}  // namespace cipherfit
