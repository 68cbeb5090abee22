#include "train/primal_iteration.h"

#include "cipherfit/linalg/odd_polynomial.h"

#include <utility>

namespace cipherfit {

PrimalIteration::PrimalIteration(const TrainingPlan& plan, const EvaluationKeys& keys,
                                 EncryptedTrainingData data)
    : plan_(plan),
      evaluator_(keys),
      features_(evaluator_, plan.layout(), plan.shifts(), std::move(data.features),
                plan.recipe().iterations > 1),
      labels_(std::move(data.labels)),
      logits_(std::move(data.logits)) {}

Ciphertext PrimalIteration::errors(int t, const std::vector<Ciphertext>& products,
                                   std::size_t rho) const {
    const LaneLayout& layout = plan_.layout();
    const IterationLevels& at = plan_.levels()[static_cast<std::size_t>(t)];
    if (at.sigmoid < 0) {
        // Zero start: P = 1/2, E = Y - 1/2.
        return EncryptedFeatures::replicate_lanes(evaluator_, layout, labels_[rho].copy());
    }
    Ciphertext z;
    if (t == 0) {
        z = evaluator_.drop_to_level(logits_[rho], static_cast<std::size_t>(at.sigmoid));
    } else {
        // Z_0 joins before the rescaling, where bringing it to the product's scale is exact, and
        // before the fold, which adds zeros to it.
        Ciphertext product = products[rho].copy();
        if (!logits_.empty()) {
            evaluator_.add_inplace(
                product,
                evaluator_.multiply_scalar(logits_[rho], 1.0, product.scale(), product.level()));
        }
        z = EncryptedFeatures::fold_lanes(evaluator_, layout, evaluator_.rescale(product));
    }
    return EncryptedFeatures::replicate_lanes(
        evaluator_, layout,
        labels_minus_odd_polynomial(evaluator_, labels_[rho], z, plan_.recipe().sigmoid.odd,
                                    layout.logit_mask(rho), plan_.error_scale(t)));
}

TrainingState PrimalIteration::step(const TrainingState& state) const {
    const Recipe& recipe = plan_.recipe();
    const int t = state.iteration;
    const bool at_main = recipe.gradient_at == ModelSequence::main;
    std::vector<Ciphertext> products;
    if (t > 0) {
        products = features_.multiply_model(at_main ? state.main : state.extrapolated);
    }
    std::vector<Ciphertext> errors;
    for (std::size_t rho = 0; rho < plan_.layout().sample_blocks(); ++rho) {
        errors.push_back(this->errors(t, products, rho));
    }
    products.clear();
    std::vector<Ciphertext> gradient = features_.multiply_errors(errors);

    // M' = U + step Q and U' = (1 - eta) (U + step Q) + eta M, joined before the rescaling: step
    // and (1 - eta) step go into the scale of Q, the states come to that scale by exact integers.
    const double step = recipe.steps[static_cast<std::size_t>(t)];
    const double eta = recipe.etas[static_cast<std::size_t>(t)];
    const bool last = t + 1 == recipe.iterations;
    TrainingState next{.iteration = t + 1, .main = {}, .extrapolated = {}};
    const auto joined = [&](std::size_t b, double q_factor, double u_factor, double m_factor) {
        Ciphertext sum = gradient[b].copy().with_factor(q_factor);
        const auto add = [&](const std::vector<Ciphertext>& blocks, double factor) {
            if (t > 0 && factor != 0) {
                evaluator_.add_inplace(
                    sum, evaluator_.multiply_scalar(blocks[b], factor, sum.scale(), sum.level()));
            }
        };
        add(state.extrapolated, u_factor);
        add(state.main, m_factor);
        return evaluator_.rescale(sum);
    };
    for (std::size_t b = 0; b < gradient.size(); ++b) {
        if (!last || recipe.model == ModelSequence::main) {
            next.main.push_back(joined(b, step, 1.0, 0.0));
        }
        if (!last || recipe.model == ModelSequence::extrapolated) {
            next.extrapolated.push_back(joined(b, (1.0 - eta) * step, 1.0 - eta, eta));
        }
    }
    return next;
}

}  // namespace cipherfit
