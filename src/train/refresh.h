// Bootstrappings as the planner chooses them.
#pragma once

#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/rlwe/parameters.h"

#include <cstddef>

namespace cipherfit {

// The ring whose bootstrappings the planner knows, and the most levels that they leave in it.
inline constexpr unsigned refresh_log_n = 16;
inline constexpr std::size_t most_refreshed_levels = 12;

// The bootstrapping for messages of 2^log_slots slots that leaves `levels` levels of 40 bits, with
// the ratio and the arcsine of the presets (ckks/bootstrap.h): up to ten levels leave room for the
// finer one.
BootstrapLiteral refresh_literal(unsigned log_n, unsigned log_slots, std::size_t levels,
                                 bool insecure);

// Cost of one in the planner's unit, the transform of a limb of N = 2^16 (train/cost.h).
double refresh_transforms(unsigned log_n, unsigned log_slots);

// The server's memory for one beside the keys: matrices, and the ciphertexts and decompositions of
// the highest levels.
double refresh_memory_bytes(unsigned log_n, unsigned log_slots);

// Errors of a result, in a slot's real part (docs/design/bootstrapping.md). Roundings: their
// deviation, relative to the largest message that there is room for. Gain: what the arcsine's
// polynomial leaves, which multiplies the message, whose coefficients are small beside the largest,
// by one more or less this.
double refresh_rounding_error(const BootstrapPlan& bootstrap);
double refresh_gain_error(const BootstrapPlan& bootstrap);

}  // namespace cipherfit
