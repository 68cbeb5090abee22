#include "math/kernels/avx2/kernels.h"
#include "math/kernels/scalar/kernels.h"

namespace cipherfit::avx2 {

constinit const KernelTable table = {
    "avx2",
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
    scalar::permute,
    switch_modulus,
    convert_base,
    fft_two_stages,
};

}  // namespace cipherfit::avx2
