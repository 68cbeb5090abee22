#include "solver/statistics/statistics_iteration.h"

#include "solver/statistics/statistics_solver.h"

#include <cstddef>
#include <optional>
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

Handle StatisticsIteration::joined(const Handle& product, const SequenceTerms& terms,
                                   const CircuitState& state) const {
    if (product.parts() == 0) {
        return operations_.reinterpret(operations_.copy(moments_[0]), terms.update);
    }
    const Handle part = operations_.reinterpret(
        operations_.copy(product), terms.update * StatisticsSolver::slope(plan_.recipe()));
    const std::size_t above = part.level() + 1;
    const double scale = part.scale() * operations_.rescale_divisor(above);
    Handle sum = operations_.multiply_scalar(moments_[0], terms.update, scale, above);
    const auto add = [&](std::string_view name, double factor) {
        if (factor != 0) {
            operations_.add_inplace(
                sum, operations_.multiply_scalar(state[name][0], factor, scale, above));
        }
    };
    add(extrapolated_sequence, terms.extrapolated);
    add(main_sequence, terms.main);
    return operations_.subtract(operations_.rescale(sum), part);
}

CircuitState StatisticsIteration::step(const CircuitState& state) {
    const Handle product = this->product(state);
    const Recurrence recurrence(plan_.recipe());
    CircuitState next{.iteration = state.iteration + 1};
    if (const auto terms = recurrence.main(state.iteration)) {
        next[main_sequence].push_back(joined(product, *terms, state));
    }
    if (const auto terms = recurrence.extrapolated(state.iteration)) {
        next[extrapolated_sequence].push_back(joined(product, *terms, state));
    }
    return next;
}

}  // namespace cipherfit
