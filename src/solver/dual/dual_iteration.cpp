#include "solver/dual/dual_iteration.h"

#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "solver/join_states.h"

#include <cstddef>
#include <span>
#include <utility>

namespace cipherfit {
namespace {

std::vector<Handle> kernel_blocks(const TrainingPlan& plan, Operations& operations,
                                  std::vector<Handle> features) {
    const DualSolver& solver = dual_solver(plan);
    if (solver.source() == KernelSource::owner) {
        return features;
    }
    const std::span<const Handle> all(features);
    const std::size_t chunks = features.size() / 2;
    return kernel_from_features(operations, solver.layout(), all.first(chunks), all.subspan(chunks),
                                solver.product_scale(plan));
}

}  // namespace

DualIteration::DualIteration(const TrainingPlan& plan, Operations& operations, CircuitData data)
    : plan_(plan),
      solver_(dual_solver(plan)),
      operations_(operations),
      kernel_(operations_, solver_.layout(),
              kernel_blocks(plan, operations_, std::move(data[features_message]))),
      mask_(solver_.layout().value_mask()),
      labels_(std::move(data[labels_message])),
      logits_(std::move(data[logits_message])),
      start_(std::move(data[start_message])) {}

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
        z = EncryptedKernel::fold_lanes(
            operations_, solver_.layout(),
            kernel_.multiply(gradient_sequence(plan_.recipe(), state)[0], initial));
    }
    return EncryptedKernel::replicate(
        operations_, solver_.layout(),
        labels_minus_odd_polynomial(operations_, labels_[0], z, plan_.recipe().sigmoid.odd, mask_,
                                    solver_.error_scale(plan_, t)));
}

CircuitState DualIteration::step(const CircuitState& state) {
    const Handle e = errors(state);
    CircuitState next{.iteration = state.iteration + 1};
    append_sequences(Recurrence(plan_.recipe()), next, [&](const SequenceTerms& terms) {
        return join_after_rescaling(operations_, e, terms, state);
    });
    return next;
}

}  // namespace cipherfit
