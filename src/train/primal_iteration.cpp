#include "train/primal_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace cipherfit {

PrimalIteration::PrimalIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                                 EncryptedTrainingData data)
    : plan_(plan), evaluator_(keys), refresh_(plan, keys) {
    all_.emplace(prepare(std::move(data), plan.recipe().iterations > 1));
}

PrimalIteration::PrimalIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                                 BatchSource source)
    : plan_(plan), evaluator_(keys), refresh_(plan, keys), source_(std::move(source)) {}

PrimalIteration::Batch PrimalIteration::prepare(EncryptedTrainingData data,
                                                bool with_forward) const {
    return {EncryptedFeatures(evaluator_, plan_.layout(), plan_.shifts(), std::move(data.features),
                              with_forward),
            std::move(data.labels), std::move(data.logits)};
}

TrainingState PrimalIteration::step(const TrainingState& state) {
    const auto t = static_cast<std::size_t>(state.iteration);
    std::optional<Batch> batch;
    if (source_) {
        batch.emplace(prepare(source_(plan_.batch_of(state.iteration)), t > 0));
    }
    const Batch& rows = batch ? *batch : all_.value();
    return plan_.levels()[t].refresh ? step(refresh_(state), rows) : step(state, rows);
}

Ciphertext PrimalIteration::errors(int t, const Batch& batch, std::size_t group,
                                   const std::vector<Ciphertext>& products, std::size_t rho) const {
    const LaneLayout& layout = plan_.layout();
    const std::size_t block = group * layout.sample_blocks() + rho;
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2.
        return EncryptedFeatures::replicate_lanes(
            evaluator_, layout,
            evaluator_.drop_to_level(batch.labels[block], static_cast<std::size_t>(at.backward)));
    }
    Ciphertext z;
    if (t == 0) {
        z = evaluator_.drop_to_level(batch.logits[block], static_cast<std::size_t>(at.sigmoid));
    } else {
        // Z_0 joins before the rescaling, where bringing it to the product's scale is exact, and
        // before the fold, which adds zeros to it.
        Ciphertext product = products[rho].copy();
        if (!batch.logits.empty()) {
            evaluator_.add_inplace(
                product, evaluator_.multiply_scalar(batch.logits[block], 1.0, product.scale(),
                                                    product.level()));
        }
        z = EncryptedFeatures::fold_lanes(evaluator_, layout, evaluator_.rescale(product));
    }
    return EncryptedFeatures::replicate_lanes(
        evaluator_, layout,
        labels_minus_odd_polynomial(evaluator_, batch.labels[block], z, plan_.recipe().sigmoid.odd,
                                    layout.logit_mask(rho), plan_.error_scale(t)));
}

std::vector<Ciphertext> PrimalIteration::gradient(const TrainingState& state, const Batch& batch,
                                                  std::size_t group) const {
    const LaneLayout& layout = plan_.layout();
    std::vector<Ciphertext> products;
    if (state.iteration > 0) {
        const bool at_main = plan_.recipe().gradient_at == ModelSequence::main;
        const std::span<const Ciphertext> model(at_main ? state.main : state.extrapolated);
        products = batch.features.multiply_model(
            model.subspan(group * layout.feature_blocks(), layout.feature_blocks()));
    }
    std::vector<Ciphertext> errors;
    errors.reserve(layout.sample_blocks());
    for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
        errors.push_back(this->errors(state.iteration, batch, group, products, rho));
    }
    products.clear();
    return batch.features.multiply_errors(errors);
}

TrainingState PrimalIteration::step(const TrainingState& state, const Batch& batch) const {
    const Recipe& recipe = plan_.recipe();
    const int t = state.iteration;
    // M' = (1 - decay) U + step Q and U' = (1 - eta) M' + eta M, joined before the rescaling: step
    // and (1 - eta) step go into the scale of Q, the states come to that scale by exact integers.
    const double step = recipe.steps[static_cast<std::size_t>(t)];
    const double eta = recipe.etas[static_cast<std::size_t>(t)];
    const double kept = 1.0 - recipe.decay;
    const bool last = t + 1 == recipe.iterations;
    const bool momentum = has_momentum(recipe);
    const auto joined = [&](const Ciphertext& q, std::size_t block, double q_factor,
                            double u_factor, double m_factor) {
        Ciphertext sum = q.copy().with_factor(q_factor);
        const auto add = [&](const std::vector<Ciphertext>& blocks, double factor) {
            if (t > 0 && factor != 0) {
                evaluator_.add_inplace(sum, evaluator_.multiply_scalar(blocks[block], factor,
                                                                       sum.scale(), sum.level()));
            }
        };
        add(state.extrapolated, u_factor);
        add(state.main, m_factor);
        return evaluator_.rescale(sum);
    };
    TrainingState next{.iteration = t + 1};
    for (std::size_t group = 0; group < plan_.class_groups(); ++group) {
        for (const Ciphertext& q : gradient(state, batch, group)) {
            const std::size_t block = std::max(next.main.size(), next.extrapolated.size());
            if (!momentum) {
                next.main.push_back(joined(q, block, step, 0.0, kept));
                continue;
            }
            if (!last || recipe.model == ModelSequence::main) {
                next.main.push_back(joined(q, block, step, kept, 0.0));
            }
            if (!last || recipe.model == ModelSequence::extrapolated) {
                next.extrapolated.push_back(
                    joined(q, block, (1.0 - eta) * step, (1.0 - eta) * kept, eta));
            }
        }
    }
    return next;
}

}  // namespace cipherfit
