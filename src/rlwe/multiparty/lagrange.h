// Interpolation at 0 modulo a prime.
#pragma once

#include "math/modulus.h"

#include <cstdint>
#include <span>

namespace cipherfit {

// The factor of f(point) in f(at) = sum over j in points of lagrange_weight(j) f(j), for f of a
// degree below the number of points, which are distinct and hold `point`:
// product over m != point of (at - m) / (point - m).
std::uint64_t lagrange_weight(unsigned point, std::span<const unsigned> points, unsigned at,
                              const Modulus& q);

}  // namespace cipherfit
