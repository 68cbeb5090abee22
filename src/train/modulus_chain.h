// The modulus chain of a plan, before its primes are sought.
#pragma once

#include "cipherfit/rlwe/parameters.h"

#include <cstddef>

namespace cipherfit {

// The chain of `levels` levels of `scale_bits` bits, with a wider prime below them and the special
// primes that `digits` digits need.
ParametersLiteral chain(unsigned log_n, std::size_t levels, unsigned scale_bits, unsigned digits,
                        bool insecure);

// log2(QP) of the nominal sizes, from above.
double nominal_log_qp(const ParametersLiteral& literal);

}  // namespace cipherfit
