#include "train/logit_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "train/join_states.h"

#include <cstddef>
#include <utility>

namespace cipherfit {

std::vector<double> error_weights(const Recipe& recipe) {
    std::vector<double> weights(recipe.steps.size());
    const bool is_main = recipe.model == ModelSequence::main;
    // What the model takes of M_{t+1} and of U_{t+1}.
    double of_main = is_main ? 1.0 : 0.0;
    double of_extrapolated = is_main ? 0.0 : 1.0;
    for (std::size_t t = weights.size(); t-- > 0;) {
        const double eta = recipe.etas[t];
        const double of_sum = of_main + (1.0 - eta) * of_extrapolated;
        weights[t] = recipe.steps[t] * of_sum;
        of_main = eta * of_extrapolated;
        of_extrapolated = (1.0 - recipe.decay) * of_sum;
    }
    return weights;
}

LogitIteration::LogitIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                               EncryptedTrainingData data)
    : plan_(plan),
      evaluator_(keys),
      refresh_(plan, keys),
      kernel_(evaluator_, plan.kernel(), std::move(data.features)),
      mask_(plan.kernel().value_mask()),
      weights_(error_weights(plan.recipe())),
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

TrainingState LogitIteration::step(const TrainingState& given) {
    const Recipe& recipe = plan_.recipe();
    const auto t = static_cast<std::size_t>(given.iteration);
    const TrainingState refreshed =
        plan_.levels()[t].refresh ? refresh_(given) : TrainingState{.iteration = -1};
    const TrainingState& state = refreshed.iteration < 0 ? given : refreshed;
    const Ciphertext e = errors(state);

    TrainingState next{.iteration = given.iteration + 1};
    Ciphertext sum =
        evaluator_.multiply_scalar(e, weights_[t], plan_.coefficient_scale(), coefficient_level);
    if (t > 0) {
        evaluator_.add_inplace(sum, given.coefficients[0]);
    }
    if (next.iteration == recipe.iterations) {
        auto& model = recipe.model == ModelSequence::main ? next.main : next.extrapolated;
        model.push_back(evaluator_.rescale(sum));
        return next;
    }
    next.coefficients.push_back(std::move(sum));
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
