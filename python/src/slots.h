// What encoding takes from NumPy.
#pragma once

#include "bindings.h"
#include "cipherfit/ckks/encoder.h"

#include <complex>
#include <vector>

namespace cipherfit::python {

using Complexes = std::vector<std::complex<double>>;

// Numbers of any array-like; complex ones where the array is.
struct Slots {
    Complexes complexes;
    std::vector<double> reals;
    bool is_complex = false;
};

// Throws Error(invalid_argument) for what is no vector.
Slots slots_of(const nb::handle& values);

Plaintext encode(const Encoder& encoder, const Slots& slots, std::size_t level, double scale);

// The scale at which a message goes into a fresh ciphertext: that of the primes that rescale.
double default_scale(const Parameters& parameters);

}  // namespace cipherfit::python
