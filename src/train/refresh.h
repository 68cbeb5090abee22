// Bootstrappings as the planner chooses them.
#pragma once

#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/train/plan.h"

#include <cstddef>

namespace cipherfit {

// The ring whose bootstrappings the planner knows, and the most levels that they leave in it.
inline constexpr unsigned refresh_log_n = 16;
inline constexpr std::size_t most_refreshed_levels = 12;

// What a plan may say of the coefficients that are bootstrapped (RefreshPlan::range_bits).
inline constexpr int least_range_bits = -20;
inline constexpr int most_range_bits = 26;

// The bootstrapping for messages of 2^log_slots slots that leaves `levels` levels of 40 bits. Of
// two kinds (docs/design/long-training.md, "Range and precision"): `fine` is
// bootstrap_n16_levels10, for up to ten levels; the other takes a level less for EvalMod, as its
// messages are a smaller part of q_0 (2^-7, with a cubic arcsine), and has three bits less.
BootstrapLiteral refresh_literal(unsigned log_n, unsigned log_slots, std::size_t levels, bool fine,
                                 bool insecure);
// Blocks of states that go through a bootstrapping together, as one message of so many periods
// (solver/state_refresh.cpp): a power of two, as many as there are pairs of sequences or of
// blocks and as the slots hold. Plans from before have one.
std::size_t blocks_together(const Recipe& recipe, std::size_t state_blocks, std::size_t period,
                            std::size_t slots) noexcept;

// The result's scale of a bootstrapping of coefficients below 2^range_bits, of so many blocks
// together: the one that states have, seen from there.
unsigned refreshed_bits(unsigned state_bits, int range_bits, std::size_t together) noexcept;

// Cost of one in the planner's unit, the transform of a limb of N = 2^16 (train/cost.h).
double refresh_transforms(unsigned log_n, unsigned log_slots);

// About the most of the server's memory that one takes beside the keys, for the search of a plan:
// matrices, and the ciphertexts and decompositions of the highest levels. The plan that is found is
// held to the replay of its own bootstrapping (circuit/memory.h).
double refresh_memory_bytes(unsigned log_n, unsigned log_slots);

// Errors of a result, in a slot's real part (docs/design/bootstrapping.md). Roundings, those of
// EvalMod and those of SlotsToCoeffs: their deviation, relative to the largest coefficient that
// there is room for. Loss: what the arcsine's polynomial leaves, which multiplies coefficients
// that are small beside the largest by one less this, and larger ones by at least that: the same in
// every bootstrapping of a run.
// `period`: of the slots of one message, if several are together.
double refresh_rounding_error(const BootstrapPlan& bootstrap, std::size_t period);
double refresh_transform_error(const BootstrapPlan& bootstrap);
double refresh_loss(const BootstrapPlan& bootstrap);

}  // namespace cipherfit
