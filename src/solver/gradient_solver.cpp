#include "solver/gradient_solver.h"

#include "cipherfit/train/recurrence.h"
#include "solver/training_circuit.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

// The highest level of the iterations that go over a file. (A batch below the first wraps around.)
template <class Level>
std::size_t highest(const TrainingPlan& plan, std::size_t batch, const Level& level) noexcept {
    int highest = 0;
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        const TrainingPlan::Files files = plan.files_of(t);
        if (batch - files.first < files.count) {
            highest = std::max(highest, level(plan.levels()[static_cast<std::size_t>(t)]));
        }
    }
    return static_cast<std::size_t>(highest);
}

}  // namespace

std::vector<SequenceShape> GradientSolver::messages(const TrainingPlan& plan,
                                                    std::size_t batch) const {
    const std::size_t labels = label_level(plan, batch);
    const std::size_t start = plan.initial_logits() ? 0 : start_ciphertexts();
    return {{features_message, feature_ciphertexts(plan.shape()), feature_level(plan, batch),
             feature_scale(plan)},
            {labels_message, label_ciphertexts(), labels, label_scale(plan)},
            {logits_message, plan.initial_logits() ? label_ciphertexts() : 0, labels,
             logit_scale(plan)},
            {start_message, start, static_cast<std::size_t>(plan.levels().front().backward),
             error_scale(plan, 0)}};
}

std::size_t GradientSolver::feature_level(const TrainingPlan& plan,
                                          std::size_t batch) const noexcept {
    return highest(plan, batch,
                   [](const IterationLevels& at) { return std::max(at.forward, at.backward); });
}

// Z_0 joins the product, or the logits from the level above; the labels join the sigmoid, or are
// the first errors.
std::size_t GradientSolver::label_level(const TrainingPlan& plan,
                                        std::size_t batch) const noexcept {
    const bool initial = plan.initial_logits();
    const bool joins_logits = initial && logits_join_sigmoid();
    return highest(plan, batch, [&](const IterationLevels& at) {
        return std::max(
            {initial ? at.forward : -1, joins_logits ? at.sigmoid + 1 : at.sigmoid, at.backward});
    });
}

double sequence_scale(const Recipe& recipe, int iteration, ModelSequence sequence, double own) {
    if (sequence == recipe.gradient_at) {
        return own;
    }
    const double ratio = 1.0 - recipe.etas[static_cast<std::size_t>(iteration - 1)];
    return sequence == ModelSequence::main ? own * ratio : own / ratio;
}

std::vector<SequenceShape> GradientSolver::state(const TrainingPlan& plan, int iteration) const {
    const Recipe& recipe = plan.recipe();
    const auto level =
        static_cast<std::size_t>(plan.levels()[static_cast<std::size_t>(iteration - 1)].end);
    const Recurrence recurrence(recipe);
    const auto sequence = [&](std::string_view name, ModelSequence which) -> SequenceShape {
        return {name, recurrence.is_kept(which, iteration - 1) ? state_ciphertexts() : 0, level,
                sequence_scale(recipe, iteration, which, plan.state_scale())};
    };
    return {sequence(main_sequence, ModelSequence::main),
            sequence(extrapolated_sequence, ModelSequence::extrapolated),
            {.name = "coefficients"},
            {.name = "segment"}};
}

// With the states at scale 2^b and rescaling by about 2^b, the leading term c_k z^k of the errors
// arrives at the scale it must have for the next state when features have the scale
// 2^b (c_k f)^(1/(k+1)), f being the update's factor: then the plaintext that carries mask,
// coefficient and correction has a scale near 2^b, and no factor loses precision. In the dual the
// errors are not multiplied again, and the root is the k-th.
double GradientSolver::product_scale(const TrainingPlan& plan) const noexcept {
    const Recipe& recipe = plan.recipe();
    const int degree = recipe.sigmoid.degree();
    double log_factor = 0;
    for (int t = 0; t < recipe.iterations; ++t) {
        log_factor += std::log2(gradient_factor(recipe, t)) / recipe.iterations;
    }
    const double log_lead = std::log2(std::abs(recipe.sigmoid.odd.back()));
    const double shift = (log_lead + log_factor) / (ends_with_product() ? degree + 1 : degree);
    return std::exp2(static_cast<double>(plan.scale_bits()) + std::min(1.0, std::max(-6.0, shift)));
}

double GradientSolver::error_scale(const TrainingPlan& plan, int t) const {
    const double scale = plan.state_scale() * gradient_factor(plan.recipe(), t);
    if (!ends_with_product()) {
        return scale;
    }
    // E X factor has the state's scale after one rescaling.
    const int level = plan.levels()[static_cast<std::size_t>(t)].backward;
    return scale * static_cast<double>(plan.parameters().q(static_cast<std::size_t>(level))) /
           product_scale(plan);
}

}  // namespace cipherfit
