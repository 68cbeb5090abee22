#include "cipherfit/train/encrypted_trainer.h"

#include "cipherfit/linalg/odd_polynomial.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

void check_blocks(const std::vector<Ciphertext>& blocks, const char* what, std::size_t count,
                  std::size_t level, double scale) {
    require(blocks.size() == count, ErrorCode::corrupt_data,
            "the plan has {} ciphertexts of {}, got {}", count, what, blocks.size());
    for (const Ciphertext& block : blocks) {
        require(block.size() == 2 && block.level() == level && same_scale(block.scale(), scale),
                ErrorCode::corrupt_data,
                "a ciphertext of {} is at level {} and scale 2^{:.3f}, the plan says {} and "
                "2^{:.3f}",
                what, block.level(), std::log2(block.scale()), level, std::log2(scale));
    }
}

EncryptedFeatures make_features(const TrainingPlan& plan, const Evaluator& evaluator,
                                const EvaluationKeys& keys, EncryptedTrainingData& data) {
    const LaneLayout& layout = plan.layout();
    check_blocks(data.features, "features", layout.sample_blocks() * layout.feature_blocks(),
                 plan.feature_level(), plan.feature_scale());
    check_blocks(data.labels, "labels", layout.sample_blocks(), plan.label_level(),
                 plan.label_scale());
    check_blocks(data.logits, "initial logits", plan.initial_logits() ? layout.sample_blocks() : 0,
                 plan.label_level(), plan.logit_scale());
    keys.check(plan.keys());
    return {evaluator, layout, plan.shifts(), std::move(data.features),
            plan.recipe().iterations > 1};
}

}  // namespace

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   EncryptedTrainingData data)
    : plan_(plan),
      evaluator_(keys),
      features_(make_features(plan, evaluator_, keys, data)),
      labels_(std::move(data.labels)),
      logits_(std::move(data.logits)) {}

Ciphertext EncryptedTrainer::errors(int t, const std::vector<Ciphertext>& products,
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
    // Errors arrive at the scale that gives the next state the plan's scale: state = E X factor
    // after one rescaling.
    const double divisor = evaluator_.rescale_divisor(static_cast<std::size_t>(at.backward));
    const double target =
        plan_.state_scale() * divisor * plan_.gradient_factor(t) / plan_.feature_scale();
    return EncryptedFeatures::replicate_lanes(
        evaluator_, layout,
        labels_minus_odd_polynomial(evaluator_, labels_[rho], z, plan_.recipe().sigmoid.odd,
                                    layout.logit_mask(rho), target));
}

TrainingState EncryptedTrainer::step(const TrainingState& state) const {
    const Recipe& recipe = plan_.recipe();
    require(state.iteration >= 0 && state.iteration < recipe.iterations,
            ErrorCode::invalid_argument, "iteration {} of {} cannot be run", state.iteration + 1,
            recipe.iterations);
    require(check_state(plan_, state).has_value(), ErrorCode::invalid_argument,
            "iteration {} cannot be run from a state that does not fit the plan",
            state.iteration + 1);
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

const std::vector<Ciphertext>& EncryptedTrainer::model(const TrainingState& state) const {
    require(state.iteration == plan_.recipe().iterations, ErrorCode::invalid_argument,
            "training stands at iteration {} of {}", state.iteration, plan_.recipe().iterations);
    return plan_.recipe().model == ModelSequence::main ? state.main : state.extrapolated;
}

Expected<void> check_state(const TrainingPlan& plan, const TrainingState& state) {
    const Recipe& recipe = plan.recipe();
    if (state.iteration < 0 || state.iteration > recipe.iterations) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint stands at iteration {}, the plan has {}", state.iteration,
                          recipe.iterations);
    }
    const bool last = state.iteration == recipe.iterations;
    const auto count = [&](ModelSequence sequence) {
        const bool kept = state.iteration > 0 && (!last || recipe.model == sequence);
        return kept ? plan.layout().feature_blocks() : 0;
    };
    const auto fits = [&](const std::vector<Ciphertext>& blocks, ModelSequence sequence) {
        if (blocks.size() != count(sequence)) {
            return false;
        }
        if (blocks.empty()) {
            return true;
        }
        const auto done = static_cast<std::size_t>(state.iteration - 1);
        const auto end = static_cast<std::size_t>(plan.levels()[done].end);
        // Q enters the sequences with the factors step and (1 - eta) step, which their scales take
        // up; the one at which gradients are taken has the plan's scale.
        double scale = plan.state_scale();
        if (sequence != recipe.gradient_at) {
            const double ratio = 1.0 - recipe.etas[done];
            scale = sequence == ModelSequence::main ? scale * ratio : scale / ratio;
        }
        return std::all_of(blocks.begin(), blocks.end(), [&](const Ciphertext& block) {
            return block.size() == 2 && block.level() == end && same_scale(block.scale(), scale);
        });
    };
    if (!fits(state.main, ModelSequence::main) ||
        !fits(state.extrapolated, ModelSequence::extrapolated)) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint of iteration {} does not fit the plan", state.iteration);
    }
    return {};
}

}  // namespace cipherfit
