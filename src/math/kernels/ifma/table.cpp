#include "math/kernels/ifma/kernels.h"

namespace cipherfit::ifma {

constinit const KernelTable table = {
    "avx512ifma",
    ntt_forward,
    ntt_inverse,
    add,
    subtract,
    negate,
    multiply,
    multiply_scalar,
    multiply_scalar_add,
    subtract_multiply_scalar,
    multiply_accumulate,
    permute,
    switch_modulus,
    convert_base,
    fft_two_stages,
};

}  // namespace cipherfit::ifma
