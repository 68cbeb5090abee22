#include "math/kernels/scalar/kernels.h"

namespace cipherfit::scalar {

constinit const KernelTable table = {
    "portable",
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

}  // namespace cipherfit::scalar
