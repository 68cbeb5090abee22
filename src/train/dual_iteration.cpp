#include "train/dual_iteration.h"

#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "train/join_states.h"

#include <cstddef>
#include <span>
#include <utility>

namespace cipherfit {
namespace {

std::vector<Handle> kernel_blocks(const TrainingPlan& plan, Operations& operations,
                                  std::vector<Handle> features) {
    if (plan.kernel_source() == KernelSource::owner) {
        return features;
    }
    const std::span<const Handle> all(features);
    const std::size_t chunks = features.size() / 2;
    return kernel_from_features(operations, plan.kernel(), all.first(chunks), all.subspan(chunks),
                                plan.product_scale());
}

}  // namespace

DualIteration::DualIteration(const TrainingPlan& plan, Operations& operations, CircuitData data)
    : plan_(plan),
      operations_(operations),
      kernel_(operations_, plan.kernel(),
              kernel_blocks(plan, operations_, std::move(data.features))),
      mask_(plan.kernel().value_mask()),
      labels_(std::move(data.labels)),
      logits_(std::move(data.logits)),
      start_(std::move(data.start)) {}

Handle DualIteration::errors(const CircuitState& state) const {
    const int t = state.iteration;
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2, which the owner sent as replicas.
        return operations_.copy(start_[0]);
    }
    Handle z;
    if (t == 0) {
        z = operations_.drop_to_level(logits_[0], static_cast<std::size_t>(at.sigmoid));
    } else {
        const Handle* initial = logits_.empty() ? nullptr : logits_.data();
        const bool at_main = plan_.recipe().gradient_at == ModelSequence::main;
        z = EncryptedKernel::fold_lanes(
            operations_, plan_.kernel(),
            kernel_.multiply((at_main ? state.main : state.extrapolated)[0], initial));
    }
    return EncryptedKernel::replicate(
        operations_, plan_.kernel(),
        labels_minus_odd_polynomial(operations_, labels_[0], z, plan_.recipe().sigmoid.odd, mask_,
                                    plan_.error_scale(t)));
}

CircuitState DualIteration::step(const CircuitState& state) {
    const Handle e = errors(state);
    const Recurrence recurrence(plan_.recipe());
    CircuitState next{.iteration = state.iteration + 1};
    if (const auto terms = recurrence.main(state.iteration)) {
        next.main.push_back(join_states(operations_, e, *terms, state));
    }
    if (const auto terms = recurrence.extrapolated(state.iteration)) {
        next.extrapolated.push_back(join_states(operations_, e, *terms, state));
    }
    return next;
}

}  // namespace cipherfit
