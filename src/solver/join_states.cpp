#include "solver/join_states.h"

#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

// Adds e U + m M of a block to `sum`, at this scale and level.
void add_states(Operations& operations, std::optional<Handle>& sum, const SequenceTerms& terms,
                const CircuitState& state, std::size_t block, double scale, std::size_t level) {
    const auto add = [&](const std::vector<Handle>& blocks, double factor) {
        if (blocks.empty() || factor == 0) {
            return;
        }
        Handle term = operations.multiply_scalar(blocks[block], factor, scale, level);
        if (sum) {
            operations.add_inplace(*sum, term);
        } else {
            sum = std::move(term);
        }
    };
    add(state[extrapolated_sequence], terms.extrapolated);
    add(state[main_sequence], terms.main);
}

}  // namespace

Handle join_before_rescaling(Operations& operations, const Handle& update,
                             const SequenceTerms& terms, const CircuitState& state,
                             std::size_t block) {
    std::optional<Handle> sum = operations.reinterpret(operations.copy(update), terms.update);
    add_states(operations, sum, terms, state, block, sum->scale(), sum->level());
    return operations.rescale(*sum);
}

Handle join_after_rescaling(Operations& operations, const Handle& update,
                            const SequenceTerms& terms, const CircuitState& state) {
    Handle sum = operations.reinterpret(operations.copy(update), terms.update);
    if (state[main_sequence].empty() && state[extrapolated_sequence].empty()) {
        return sum;  // there may be no level above it
    }
    const std::size_t above = sum.level() + 1;
    std::optional<Handle> states;
    add_states(operations, states, terms, state, 0, sum.scale() * operations.rescale_divisor(above),
               above);
    if (states) {
        operations.add_inplace(sum, operations.rescale(*states));
    }
    return sum;
}

Handle join_difference(Operations& operations, const Handle& constant, const Handle& product,
                       double factor, const SequenceTerms& terms, const CircuitState& state) {
    if (product.parts() == 0) {
        return operations.reinterpret(operations.copy(constant), terms.update);
    }
    const Handle part = operations.reinterpret(operations.copy(product), terms.update * factor);
    const std::size_t above = part.level() + 1;
    const double scale = part.scale() * operations.rescale_divisor(above);
    std::optional<Handle> sum = operations.multiply_scalar(constant, terms.update, scale, above);
    add_states(operations, sum, terms, state, 0, scale, above);
    return operations.subtract(operations.rescale(*sum), part);
}

}  // namespace cipherfit
