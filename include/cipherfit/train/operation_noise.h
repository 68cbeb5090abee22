// The errors that operations on ciphertexts make, as standard deviations.
#pragma once

#include "cipherfit/rlwe/parameters.h"

namespace cipherfit {

// Standard deviation, in a slot's real part, of the errors that operations make at a scale:
//   fresh    sqrt(N/2) sqrt(3.2^2 + 1/12) / scale             secret-key encryption and encoding
//   rounding sqrt(N/2) sqrt((1 + 2N/3) / 12) / scale          rescaling, ModDown: c_0 + c_1 s
//   switching rounding * sqrt(1 + 1.5 3.2^2 sum_d (Q_d / P)^2)  a key switch: the division's
//            rounding, and the keys' errors times digits uniform in (-Q_d/2, Q_d/2]
double fresh_error(const Parameters& parameters, double scale);
double rounding_error(const Parameters& parameters, double scale);
double switching_error(const Parameters& parameters, double scale);

}  // namespace cipherfit
