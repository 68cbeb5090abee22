// The embedding's inverse transform with 64-bit mantissas: at scales of 60 bits the error of one in
// doubles would be the largest of all.
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace cipherfit {

// SpecialFft::to_coefficients() (math/special_fft.h) of any power of two of slots. In place.
void to_coefficients_finely(std::span<std::complex<long double>> values);

}  // namespace cipherfit
