#include "train/logit_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "train/join_states.h"

#include <cstddef>
#include <utility>

namespace cipherfit {

LogitIteration::LogitIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                               EncryptedTrainingData data)
    : plan_(plan),
      evaluator_(keys),
      refresh_(plan, keys),
      kernel_(evaluator_, plan.kernel(), std::move(data.features)),
      mask_(plan.kernel().value_mask()),
      weights_(error_weights(plan.recipe())),
      segment_weights_(segment_weights(plan)),
      labels_(std::move(data.labels)),
      logits_(std::move(data.logits)),
      start_(std::move(data.start)) {}

Ciphertext LogitIteration::logits(const Ciphertext& d) const {
    if (logits_.empty()) {
        return d.copy();
    }
    const std::size_t above = d.level() + 1;
    const double scale = d.scale() * evaluator_.rescale_divisor(above);
    return evaluator_.add(
        d, evaluator_.rescale(evaluator_.multiply_scalar(logits_[0], 1.0, scale, above)));
}

Ciphertext LogitIteration::errors(const TrainingState& state) const {
    const int t = state.iteration;
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2, which the owner sent as replicas.
        return start_[0].copy();
    }
    const bool at_main = plan_.recipe().gradient_at == ModelSequence::main;
    const Ciphertext z =
        t == 0 ? evaluator_.drop_to_level(logits_[0], static_cast<std::size_t>(at.sigmoid))
               : logits((at_main ? state.main : state.extrapolated)[0]);
    return EncryptedKernel::replicate(
        evaluator_, plan_.kernel(),
        labels_minus_odd_polynomial(evaluator_, labels_[0], z, plan_.recipe().sigmoid.odd, mask_,
                                    plan_.error_scale(t)));
}

Ciphertext LogitIteration::add_up(const Ciphertext& e, double weight,
                                  const Ciphertext* so_far) const {
    Ciphertext sum =
        evaluator_.multiply_scalar(e, weight, plan_.coefficient_scale(), coefficient_level);
    if (so_far != nullptr) {
        evaluator_.add_inplace(sum, *so_far);
    }
    return sum;
}

std::vector<Ciphertext> LogitIteration::segment(const Ciphertext& e, std::size_t t,
                                                const std::vector<Ciphertext>& so_far) const {
    const bool begins = t % static_cast<std::size_t>(plan_.segment_length()) == 0;
    std::vector<Ciphertext> sums;
    sums.push_back(add_up(e, segment_weights_.main[t], begins ? nullptr : so_far.data()));
    if (has_momentum(plan_.recipe())) {
        sums.push_back(add_up(e, segment_weights_.extrapolated[t], begins ? nullptr : &so_far[1]));
    }
    return sums;
}

TrainingState LogitIteration::step(const TrainingState& given) {
    const Recipe& recipe = plan_.recipe();
    const auto t = static_cast<std::size_t>(given.iteration);
    const TrainingState refreshed =
        plan_.levels()[t].refresh ? refresh_(given) : TrainingState{.iteration = -1};
    const TrainingState& state = refreshed.iteration < 0 ? given : refreshed;
    const Ciphertext e = errors(state);

    TrainingState next{.iteration = given.iteration + 1};
    Ciphertext sum = add_up(e, weights_[t], t > 0 ? given.coefficients.data() : nullptr);
    if (next.iteration == recipe.iterations) {
        auto& model = recipe.model == ModelSequence::main ? next.main : next.extrapolated;
        model.push_back(evaluator_.rescale(sum));
        return next;
    }
    next.coefficients.push_back(std::move(sum));
    if (plan_.segment_ciphertexts(next.iteration) > 0) {
        next.segment = segment(e, t, given.segment);
    }
    const Ciphertext update =
        EncryptedKernel::fold_lanes(evaluator_, plan_.kernel(), kernel_.multiply(e, nullptr));
    const double step = recipe.steps[t];
    const double eta = recipe.etas[t];
    const double kept = 1.0 - recipe.decay;
    if (!has_momentum(recipe)) {
        next.main.push_back(join_states(evaluator_, update, step, state, 0.0, kept));
        return next;
    }
    next.main.push_back(join_states(evaluator_, update, step, state, kept, 0.0));
    next.extrapolated.push_back(
        join_states(evaluator_, update, (1.0 - eta) * step, state, (1.0 - eta) * kept, eta));
    return next;
}

}  // namespace cipherfit
