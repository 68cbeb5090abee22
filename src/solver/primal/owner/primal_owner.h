// The primal plan's states, packed and unpacked.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"

#include <span>

namespace cipherfit {

// The blocks of a primal plan's states, of c x d, group after group; and back: what decrypted
// states are: c x d, from the slots of all blocks.
SlotBlocks pack_states(const TrainingPlan& plan, const RowMatrix& states);
RowMatrix unpack_states(const TrainingPlan& plan, std::span<const std::vector<double>> blocks);

}  // namespace cipherfit
