#include "solver/join_states.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {

Handle join_states(Operations& operations, const Handle& update, const SequenceTerms& terms,
                   const CircuitState& state) {
    Handle sum = operations.reinterpret(operations.copy(update), terms.update);
    const std::size_t above = sum.level() + 1;
    std::optional<Handle> states;
    const auto add = [&](const std::vector<Handle>& blocks, double factor) {
        if (blocks.empty() || factor == 0) {
            return;
        }
        Handle term = operations.multiply_scalar(
            blocks[0], factor, sum.scale() * operations.rescale_divisor(above), above);
        if (states) {
            operations.add_inplace(*states, term);
        } else {
            states = std::move(term);
        }
    };
    add(state[extrapolated_sequence], terms.extrapolated);
    add(state[main_sequence], terms.main);
    if (states) {
        operations.add_inplace(sum, operations.rescale(*states));
    }
    return sum;
}

}  // namespace cipherfit
