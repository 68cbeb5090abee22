// Multiplication by i: that of the polynomial by X^(N/2), exact and free of noise.
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "rlwe/ring.h"

namespace cipherfit {

// i times every slot; level and scale stay.
Ciphertext multiply_by_i(const Ring& ring, const Ciphertext& a);

}  // namespace cipherfit
