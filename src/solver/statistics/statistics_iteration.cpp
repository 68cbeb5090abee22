#include "solver/statistics/statistics_iteration.h"

#include "solver/join_states.h"
#include "solver/statistics/statistics_solver.h"

#include <utility>

namespace cipherfit {

StatisticsIteration::StatisticsIteration(const TrainingPlan& plan, Operations& operations,
                                         CircuitData data)
    : plan_(plan),
      operations_(operations),
      gram_(operations, statistics_solver(plan).layout(), std::move(data[gram_message])),
      moments_(std::move(data[moments_message])) {}

Handle StatisticsIteration::product(const CircuitState& state) const {
    return state.iteration == 0
               ? Handle()
               : gram_.multiply(gradient_sequence(plan_.recipe(), state)[0], nullptr);
}

CircuitState StatisticsIteration::step(const CircuitState& state) {
    const Handle product = this->product(state);
    CircuitState next{.iteration = state.iteration + 1};
    append_sequences(Recurrence(plan_.recipe()), next, [&](const SequenceTerms& terms) {
        return join_difference(operations_, moments_[0], product,
                               StatisticsSolver::slope(plan_.recipe()), terms, state);
    });
    return next;
}

}  // namespace cipherfit
