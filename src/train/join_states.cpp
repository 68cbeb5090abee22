#include "train/join_states.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {

Ciphertext join_states(const Evaluator& evaluator, const Ciphertext& update, double update_factor,
                       const TrainingState& state, double u_factor, double m_factor) {
    Ciphertext sum = update.copy().with_factor(update_factor);
    const std::size_t above = sum.level() + 1;
    std::optional<Ciphertext> states;
    const auto add = [&](const std::vector<Ciphertext>& blocks, double factor) {
        if (blocks.empty() || factor == 0) {
            return;
        }
        Ciphertext term = evaluator.multiply_scalar(
            blocks[0], factor, sum.scale() * evaluator.rescale_divisor(above), above);
        if (states) {
            evaluator.add_inplace(*states, term);
        } else {
            states = std::move(term);
        }
    };
    add(state.extrapolated, u_factor);
    add(state.main, m_factor);
    if (states) {
        evaluator.add_inplace(sum, evaluator.rescale(*states));
    }
    return sum;
}

}  // namespace cipherfit
