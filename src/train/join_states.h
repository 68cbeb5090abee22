// The end of an iteration in the dual: old states and an update become a new state.
#pragma once

#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/train/encrypted_trainer.h"

namespace cipherfit {

// update_factor times the update, plus u_factor U and m_factor M of a state of one block each. The
// result has the update's level and the scale that reading it with that factor gives; the state
// must stand at least one level above, so that its factors and scale are set by a large integer and
// a rescaling that costs no level.
Ciphertext join_states(const Evaluator& evaluator, const Ciphertext& update, double update_factor,
                       const TrainingState& state, double u_factor, double m_factor);

}  // namespace cipherfit
