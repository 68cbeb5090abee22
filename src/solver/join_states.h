// The end of an iteration in the dual: old states and an update become a new state.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/train/recurrence.h"
#include "solver/training_circuit.h"

namespace cipherfit {

// The new sequence of these terms, of a state of one block each. The result has the update's level
// and the scale that reading it with its factor gives; the state must stand at least one level
// above, so that its factors and scale are set by a large integer and a rescaling that costs no
// level.
Handle join_states(Operations& operations, const Handle& update, const SequenceTerms& terms,
                   const CircuitState& state);

}  // namespace cipherfit
