#include "train/dual_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace cipherfit {

DualIteration::DualIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                             EncryptedTrainingData data)
    : plan_(plan),
      evaluator_(keys),
      kernel_(evaluator_, plan.kernel(), std::move(data.features)),
      mask_(plan.kernel().value_mask()),
      labels_(std::move(data.labels)),
      logits_(std::move(data.logits)),
      start_(std::move(data.start)) {}

Ciphertext DualIteration::errors(const TrainingState& state) const {
    const int t = state.iteration;
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2, which the owner sent as replicas.
        return start_[0].copy();
    }
    const Ciphertext* initial = logits_.empty() ? nullptr : logits_.data();
    Ciphertext z;
    if (t == 0) {
        z = evaluator_.drop_to_level(*initial, static_cast<std::size_t>(at.sigmoid));
    } else {
        const bool at_main = plan_.recipe().gradient_at == ModelSequence::main;
        z = EncryptedKernel::fold_lanes(
            evaluator_, plan_.kernel(),
            kernel_.multiply((at_main ? state.main : state.extrapolated)[0], initial));
    }
    return EncryptedKernel::replicate(
        evaluator_, plan_.kernel(),
        labels_minus_odd_polynomial(evaluator_, labels_[0], z, plan_.recipe().sigmoid.odd, mask_,
                                    plan_.error_scale(t)));
}

Ciphertext DualIteration::joined(const Ciphertext& errors, double e_factor,
                                 const TrainingState& state, double u_factor,
                                 double m_factor) const {
    Ciphertext sum = errors.copy().with_factor(e_factor);
    // The states stand at least one level above the errors: their factors and scales are set by a
    // large integer and a rescaling that costs no level.
    const std::size_t above = sum.level() + 1;
    std::optional<Ciphertext> states;
    const auto add = [&](const std::vector<Ciphertext>& blocks, double factor) {
        if (blocks.empty() || factor == 0) {
            return;
        }
        Ciphertext term = evaluator_.multiply_scalar(
            blocks[0], factor, sum.scale() * evaluator_.rescale_divisor(above), above);
        if (states) {
            evaluator_.add_inplace(*states, term);
        } else {
            states = std::move(term);
        }
    };
    add(state.extrapolated, u_factor);
    add(state.main, m_factor);
    if (states) {
        evaluator_.add_inplace(sum, evaluator_.rescale(*states));
    }
    return sum;
}

TrainingState DualIteration::step(const TrainingState& state) const {
    const Recipe& recipe = plan_.recipe();
    const auto t = static_cast<std::size_t>(state.iteration);
    const Ciphertext e = errors(state);
    const double step = recipe.steps[t];
    const double eta = recipe.etas[t];
    const bool last = state.iteration + 1 == recipe.iterations;
    // M' = U + step E and U' = (1 - eta) (U + step E) + eta M.
    TrainingState next{.iteration = state.iteration + 1, .main = {}, .extrapolated = {}};
    if (!last || recipe.model == ModelSequence::main) {
        next.main.push_back(joined(e, step, state, 1.0, 0.0));
    }
    if (!last || recipe.model == ModelSequence::extrapolated) {
        next.extrapolated.push_back(joined(e, (1.0 - eta) * step, state, 1.0 - eta, eta));
    }
    return next;
}

}  // namespace cipherfit
