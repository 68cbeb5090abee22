#include "solver/primal/primal_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "solver/join_states.h"

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace cipherfit {

PrimalIteration::PrimalIteration(const TrainingPlan& plan, Operations& operations, CircuitData data)
    : plan_(plan),
      solver_(primal_solver(plan)),
      operations_(operations),
      recurrence_(plan.recipe()),
      refresh_(plan, operations),
      last_mask_(solver_.layout().logit_mask(solver_.layout().sample_blocks() - 1)),
      mask_(solver_.layout().logit_mask(0)) {
    all_.emplace(prepare(std::move(data), plan.recipe().iterations > 1));
}

PrimalIteration::PrimalIteration(const TrainingPlan& plan, Operations& operations,
                                 CircuitSource source)
    : plan_(plan),
      solver_(primal_solver(plan)),
      operations_(operations),
      recurrence_(plan.recipe()),
      refresh_(plan, operations),
      last_mask_(solver_.layout().logit_mask(solver_.layout().sample_blocks() - 1)),
      mask_(solver_.layout().logit_mask(0)),
      source_(std::move(source)) {}

PrimalIteration::Batch PrimalIteration::prepare(CircuitData data, bool with_forward) const {
    return {EncryptedFeatures(operations_, solver_.layout(), solver_.shifts(),
                              std::move(data[features_message]), with_forward),
            std::move(data[labels_message]), std::move(data[logits_message])};
}

CircuitState PrimalIteration::step(const CircuitState& state) {
    const auto t = static_cast<std::size_t>(state.iteration);
    const TrainingPlan::Files files = plan_.files_of(state.iteration);
    std::optional<Batch> read;
    const auto file = [&](std::size_t index) {
        read.reset();
        read.emplace(prepare(source_(files.first + index), t > 0));
    };
    if (source_) {
        file(0);
    }
    const auto after = [&](const CircuitState& from) {
        if (files.count == 1) {
            const Batch& rows = read ? *read : all_.value();
            return next(from, [&](std::size_t group) { return gradient(from, rows, group); });
        }
        std::vector<std::vector<Handle>> sums;
        for (std::size_t index = 0; index < files.count; ++index) {
            if (index > 0) {
                file(index);
            }
            for (std::size_t group = 0; group < solver_.class_groups(); ++group) {
                std::vector<Handle> part = gradient(from, *read, group);
                if (index == 0) {
                    sums.push_back(std::move(part));
                    continue;
                }
                for (std::size_t block = 0; block < part.size(); ++block) {
                    operations_.add_inplace(sums[group][block], part[block]);
                }
            }
        }
        read.reset();
        return next(from, [&](std::size_t group) { return std::move(sums[group]); });
    };
    return plan_.levels()[t].refresh ? after(refresh_(state)) : after(state);
}

Handle PrimalIteration::errors(int t, const Batch& batch, std::size_t group,
                               const std::vector<Handle>& products, std::size_t rho) const {
    const LaneLayout& layout = solver_.layout();
    const std::size_t block = group * layout.sample_blocks() + rho;
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2.
        return EncryptedFeatures::replicate_lanes(
            operations_, layout,
            operations_.drop_to_level(batch.labels[block], static_cast<std::size_t>(at.backward)));
    }
    Handle z;
    if (t == 0) {
        z = operations_.drop_to_level(batch.logits[block], static_cast<std::size_t>(at.sigmoid));
    } else {
        // Z_0 joins before the rescaling, where bringing it to the product's scale is exact, and
        // before the fold, which adds zeros to it.
        Handle product = operations_.copy(products[rho]);
        if (!batch.logits.empty()) {
            operations_.add_inplace(
                product, operations_.multiply_scalar(batch.logits[block], 1.0, product.scale(),
                                                     product.level()));
        }
        z = EncryptedFeatures::fold_lanes(operations_, layout, operations_.rescale(product));
    }
    return EncryptedFeatures::replicate_lanes(
        operations_, layout,
        labels_minus_odd_polynomial(operations_, batch.labels[block], z, plan_.recipe().sigmoid.odd,
                                    rho + 1 == layout.sample_blocks() ? last_mask_ : mask_,
                                    solver_.error_scale(plan_, t)));
}

std::vector<Handle> PrimalIteration::gradient(const CircuitState& state, const Batch& batch,
                                              std::size_t group) const {
    const LaneLayout& layout = solver_.layout();
    std::vector<Handle> products;
    if (state.iteration > 0) {
        const std::span<const Handle> model(gradient_sequence(plan_.recipe(), state));
        products = batch.features.multiply_model(
            model.subspan(group * layout.feature_blocks(), layout.feature_blocks()));
    }
    std::vector<Handle> errors;
    errors.reserve(layout.sample_blocks());
    for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
        errors.push_back(this->errors(state.iteration, batch, group, products, rho));
    }
    products.clear();
    return batch.features.multiply_errors(errors);
}

CircuitState PrimalIteration::next(const CircuitState& state, const Gradient& gradient) const {
    CircuitState made{.iteration = state.iteration + 1};
    std::size_t block = 0;
    for (std::size_t group = 0; group < solver_.class_groups(); ++group) {
        for (const Handle& q : gradient(group)) {
            append_sequences(recurrence_, made, [&](const SequenceTerms& terms) {
                return join_before_rescaling(operations_, q, terms, state, block);
            });
            ++block;
        }
    }
    return made;
}

}  // namespace cipherfit
