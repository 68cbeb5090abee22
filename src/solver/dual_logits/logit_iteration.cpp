#include "solver/dual_logits/logit_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "solver/join_states.h"

#include <cstddef>
#include <utility>

namespace cipherfit {

LogitIteration::LogitIteration(const TrainingPlan& plan, Operations& operations, CircuitData data)
    : plan_(plan),
      solver_(dual_logits_solver(plan)),
      operations_(operations),
      refresh_(plan, operations, solver_.layout().value_mask()),
      kernel_(operations_, solver_.layout(), std::move(data[features_message])),
      mask_(solver_.layout().value_mask()),
      weights_(error_weights(plan.recipe())),
      segment_weights_(segment_weights(plan.recipe(), solver_.models_every(plan))),
      labels_(std::move(data[labels_message])),
      logits_(std::move(data[logits_message])),
      start_(std::move(data[start_message])) {}

Handle LogitIteration::logits(const Handle& d) const {
    if (logits_.empty()) {
        return operations_.copy(d);
    }
    const std::size_t above = d.level() + 1;
    const double scale = d.scale() * operations_.rescale_divisor(above);
    return operations_.add(
        d, operations_.rescale(operations_.multiply_scalar(logits_[0], 1.0, scale, above)));
}

Handle LogitIteration::errors(const CircuitState& state) const {
    const int t = state.iteration;
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2, which the owner sent as replicas.
        return operations_.copy(start_[0]);
    }
    const Handle z =
        t == 0 ? operations_.drop_to_level(logits_[0], static_cast<std::size_t>(at.sigmoid))
               : logits(gradient_sequence(plan_.recipe(), state)[0]);
    return EncryptedKernel::replicate(
        operations_, solver_.layout(),
        labels_minus_odd_polynomial(operations_, labels_[0], z, plan_.recipe().sigmoid.odd, mask_,
                                    solver_.error_scale(plan_, t)));
}

Handle LogitIteration::add_up(const Handle& e, double weight, const Handle* so_far) const {
    Handle sum =
        operations_.multiply_scalar(e, weight, solver_.coefficient_scale(plan_), coefficient_level);
    if (so_far != nullptr) {
        operations_.add_inplace(sum, *so_far);
    }
    return sum;
}

std::vector<Handle> LogitIteration::segment(const Handle& e, std::size_t t,
                                            const std::vector<Handle>& so_far) const {
    const bool begins = t % static_cast<std::size_t>(solver_.models_every(plan_)) == 0;
    std::vector<Handle> sums;
    sums.push_back(add_up(e, segment_weights_.main[t], begins ? nullptr : so_far.data()));
    if (has_momentum(plan_.recipe())) {
        sums.push_back(add_up(e, segment_weights_.extrapolated[t], begins ? nullptr : &so_far[1]));
    }
    return sums;
}

CircuitState LogitIteration::step(const CircuitState& given) {
    const Recipe& recipe = plan_.recipe();
    const auto t = static_cast<std::size_t>(given.iteration);
    const CircuitState refreshed =
        plan_.levels()[t].refresh ? refresh_(given) : CircuitState{.iteration = -1};
    const CircuitState& state = refreshed.iteration < 0 ? given : refreshed;
    const Handle e = errors(state);

    CircuitState next{.iteration = given.iteration + 1};
    Handle sum = add_up(e, weights_[t], t > 0 ? given[coefficients_sequence].data() : nullptr);
    if (next.iteration == recipe.iterations) {
        next[solver_.model_sequence(plan_, next.iteration)].push_back(operations_.rescale(sum));
        return next;
    }
    next[coefficients_sequence].push_back(std::move(sum));
    if (solver_.segment_ciphertexts(plan_, next.iteration) > 0) {
        next[segment_sequence] = segment(e, t, given[segment_sequence]);
    }
    const Handle update =
        EncryptedKernel::fold_lanes(operations_, solver_.layout(), kernel_.multiply(e, nullptr));
    append_sequences(Recurrence(recipe), next, [&](const SequenceTerms& terms) {
        return join_after_rescaling(operations_, update, terms, state);
    });
    return next;
}

}  // namespace cipherfit
