#include "train/dual_iteration.h"

#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "train/join_states.h"

#include <cstddef>
#include <span>
#include <utility>

namespace cipherfit {
namespace {

std::vector<Ciphertext> kernel_blocks(const TrainingPlan& plan, const Evaluator& evaluator,
                                      std::vector<Ciphertext> features) {
    if (plan.kernel_source() == KernelSource::owner) {
        return features;
    }
    const std::span<const Ciphertext> all(features);
    const std::size_t chunks = features.size() / 2;
    return kernel_from_features(evaluator, plan.kernel(), all.first(chunks), all.subspan(chunks),
                                plan.product_scale());
}

}  // namespace

DualIteration::DualIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                             EncryptedTrainingData data)
    : plan_(plan),
      evaluator_(keys),
      kernel_(evaluator_, plan.kernel(), kernel_blocks(plan, evaluator_, std::move(data.features))),
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
    Ciphertext z;
    if (t == 0) {
        z = evaluator_.drop_to_level(logits_[0], static_cast<std::size_t>(at.sigmoid));
    } else {
        const Ciphertext* initial = logits_.empty() ? nullptr : logits_.data();
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

TrainingState DualIteration::step(const TrainingState& state) {
    const Recipe& recipe = plan_.recipe();
    const auto t = static_cast<std::size_t>(state.iteration);
    const Ciphertext e = errors(state);
    const double step = recipe.steps[t];
    const double eta = recipe.etas[t];
    const double kept = 1.0 - recipe.decay;
    const bool last = state.iteration + 1 == recipe.iterations;
    // M' = (1 - decay) U + step E and U' = (1 - eta) M' + eta M.
    TrainingState next{.iteration = state.iteration + 1, .main = {}, .extrapolated = {}};
    if (!has_momentum(recipe)) {
        next.main.push_back(join_states(evaluator_, e, step, state, 0.0, kept));
        return next;
    }
    if (!last || recipe.model == ModelSequence::main) {
        next.main.push_back(join_states(evaluator_, e, step, state, kept, 0.0));
    }
    if (!last || recipe.model == ModelSequence::extrapolated) {
        next.extrapolated.push_back(
            join_states(evaluator_, e, (1.0 - eta) * step, state, (1.0 - eta) * kept, eta));
    }
    return next;
}

}  // namespace cipherfit
