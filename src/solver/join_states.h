// The end of an iteration: the update Q and the old states become the new sequences u Q + e U + m M
// (SequenceTerms, train/recurrence.h). Factors and scales of the states are set by large integers
// before a rescaling. The variants differ in which rescaling that is; all results read with their
// factor in the scale. The states may be none, which counts as zero.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/train/recurrence.h"
#include "solver/training_circuit.h"

#include <cstddef>

namespace cipherfit {

// The update is yet to be rescaled, and the states join before that: they stand at its level or
// above, and the result one level below. `block`: of the states.
Handle join_before_rescaling(Operations& operations, const Handle& update,
                             const SequenceTerms& terms, const CircuitState& state,
                             std::size_t block);

// The update has been rescaled. The states, of one block each, must stand at least one level above:
// their own rescaling ends at the update's level, which is the result's, and costs none.
Handle join_after_rescaling(Operations& operations, const Handle& update,
                            const SequenceTerms& terms, const CircuitState& state);

// The same for the update Q = constant - factor * product, of which the product has been rescaled
// and the constant stands above it like the states. Where there is no product, the states count as
// zero, and the result stands at the constant's level.
Handle join_difference(Operations& operations, const Handle& constant, const Handle& product,
                       double factor, const SequenceTerms& terms, const CircuitState& state);

// Appends a block to each of the sequences that the recurrence keeps after the iteration that makes
// `next`: join(terms) of its terms.
template <class Join>
void append_sequences(const Recurrence& recurrence, CircuitState& next, const Join& join) {
    const int t = next.iteration - 1;
    if (const auto terms = recurrence.main(t)) {
        next[main_sequence].push_back(join(*terms));
    }
    if (const auto terms = recurrence.extrapolated(t)) {
        next[extrapolated_sequence].push_back(join(*terms));
    }
}

}  // namespace cipherfit
