#include "train/logit_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "train/join_states.h"

#include <cstddef>
#include <utility>

namespace cipherfit {

LogitIteration::LogitIteration(const TrainingPlan& plan, Operations& operations, CircuitData data)
    : plan_(plan),
      operations_(operations),
      refresh_(plan, operations),
      kernel_(operations_, plan.kernel(), std::move(data.features)),
      mask_(plan.kernel().value_mask()),
      weights_(error_weights(plan.recipe())),
      segment_weights_(segment_weights(plan)),
      labels_(std::move(data.labels)),
      logits_(std::move(data.logits)),
      start_(std::move(data.start)) {}

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
    const bool at_main = plan_.recipe().gradient_at == ModelSequence::main;
    const Handle z =
        t == 0 ? operations_.drop_to_level(logits_[0], static_cast<std::size_t>(at.sigmoid))
               : logits((at_main ? state.main : state.extrapolated)[0]);
    return EncryptedKernel::replicate(
        operations_, plan_.kernel(),
        labels_minus_odd_polynomial(operations_, labels_[0], z, plan_.recipe().sigmoid.odd, mask_,
                                    plan_.error_scale(t)));
}

Handle LogitIteration::add_up(const Handle& e, double weight, const Handle* so_far) const {
    Handle sum =
        operations_.multiply_scalar(e, weight, plan_.coefficient_scale(), coefficient_level);
    if (so_far != nullptr) {
        operations_.add_inplace(sum, *so_far);
    }
    return sum;
}

std::vector<Handle> LogitIteration::segment(const Handle& e, std::size_t t,
                                            const std::vector<Handle>& so_far) const {
    const bool begins = t % static_cast<std::size_t>(plan_.segment_length()) == 0;
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
    Handle sum = add_up(e, weights_[t], t > 0 ? given.coefficients.data() : nullptr);
    if (next.iteration == recipe.iterations) {
        auto& model = recipe.model == ModelSequence::main ? next.main : next.extrapolated;
        model.push_back(operations_.rescale(sum));
        return next;
    }
    next.coefficients.push_back(std::move(sum));
    if (plan_.segment_ciphertexts(next.iteration) > 0) {
        next.segment = segment(e, t, given.segment);
    }
    const Handle update =
        EncryptedKernel::fold_lanes(operations_, plan_.kernel(), kernel_.multiply(e, nullptr));
    const Recurrence recurrence(recipe);
    if (const auto terms = recurrence.main(given.iteration)) {
        next.main.push_back(join_states(operations_, update, *terms, state));
    }
    if (const auto terms = recurrence.extrapolated(given.iteration)) {
        next.extrapolated.push_back(join_states(operations_, update, *terms, state));
    }
    return next;
}

}  // namespace cipherfit
