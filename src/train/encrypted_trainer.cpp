#include "cipherfit/train/encrypted_trainer.h"

#include "train/dual_iteration.h"
#include "train/logit_iteration.h"
#include "train/primal_iteration.h"

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

void check_data(const TrainingPlan& plan, const EncryptedTrainingData& data, std::size_t batch) {
    check_blocks(data.features, "features or kernel", plan.feature_ciphertexts(),
                 plan.feature_level(batch), plan.feature_scale());
    check_blocks(data.labels, "labels", plan.label_ciphertexts(), plan.label_level(batch),
                 plan.label_scale());
    check_blocks(data.logits, "initial logits", plan.logit_ciphertexts(), plan.label_level(batch),
                 plan.logit_scale());
    check_blocks(data.start, "first coefficients", plan.start_ciphertexts(), plan.start_level(),
                 plan.start_scale());
}

}  // namespace

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   EncryptedTrainingData data)
    : plan_(plan) {
    require(plan.batches() == 1, ErrorCode::invalid_argument,
            "the plan has {} batches: give a source of them", plan.batches());
    check_data(plan, data, 0);
    keys.check(plan.keys());
    if (plan.solver() == Solver::primal) {
        iteration_ = std::make_unique<PrimalIteration>(plan, keys, std::move(data));
    } else if (plan.refresh()) {
        iteration_ = std::make_unique<LogitIteration>(plan, keys, std::move(data));
    } else {
        iteration_ = std::make_unique<DualIteration>(plan, keys, std::move(data));
    }
}

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   BatchSource source)
    : plan_(plan) {
    require(plan.solver() == Solver::primal, ErrorCode::invalid_argument,
            "the dual solver takes all samples at once: give its data");
    keys.check(plan.keys());
    iteration_ = std::make_unique<PrimalIteration>(
        plan, keys, [&plan, source = std::move(source)](std::size_t batch) {
            EncryptedTrainingData data = source(batch);
            check_data(plan, data, batch);
            return data;
        });
}

TrainingState EncryptedTrainer::step(const TrainingState& state) {
    require(state.iteration >= 0 && state.iteration < plan_.recipe().iterations,
            ErrorCode::invalid_argument, "iteration {} of {} cannot be run", state.iteration + 1,
            plan_.recipe().iterations);
    require(check_state(plan_, state).has_value(), ErrorCode::invalid_argument,
            "iteration {} cannot be run from a state that does not fit the plan",
            state.iteration + 1);
    return iteration_->step(state);
}

const std::vector<Ciphertext>& EncryptedTrainer::model(const TrainingState& state) const {
    require(state.iteration == plan_.recipe().iterations, ErrorCode::invalid_argument,
            "training stands at iteration {} of {}", state.iteration, plan_.recipe().iterations);
    return plan_.recipe().model == ModelSequence::main ? state.main : state.extrapolated;
}

namespace {

// Of the model's coefficients, and of those at the end of a segment.
bool fit_coefficients(const TrainingPlan& plan, const TrainingState& state) {
    const auto fit = [&](const std::vector<Ciphertext>& blocks, std::size_t count) {
        return blocks.size() == count &&
               std::all_of(blocks.begin(), blocks.end(), [&](const Ciphertext& block) {
                   return block.size() == 2 && block.level() == coefficient_level &&
                          same_scale(block.scale(), plan.coefficient_scale());
               });
    };
    const bool kept =
        plan.adds_up_errors() && state.iteration > 0 && state.iteration < plan.recipe().iterations;
    return fit(state.coefficients, kept ? plan.state_ciphertexts() : 0) &&
           fit(state.segment, plan.segment_ciphertexts(state.iteration));
}

}  // namespace

Expected<void> check_state(const TrainingPlan& plan, const TrainingState& state) {
    const Recipe& recipe = plan.recipe();
    if (state.iteration < 0 || state.iteration > recipe.iterations) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint stands at iteration {}, the plan has {}", state.iteration,
                          recipe.iterations);
    }
    const bool last = state.iteration == recipe.iterations;
    const auto count = [&](ModelSequence sequence) {
        const bool kept = state.iteration > 0 && (!last || recipe.model == sequence) &&
                          (sequence == ModelSequence::main || has_momentum(recipe));
        return kept ? plan.state_ciphertexts() : 0;
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
        if (sequence != recipe.gradient_at && !(last && plan.adds_up_errors())) {
            const double ratio = 1.0 - recipe.etas[done];
            scale = sequence == ModelSequence::main ? scale * ratio : scale / ratio;
        }
        return std::all_of(blocks.begin(), blocks.end(), [&](const Ciphertext& block) {
            return block.size() == 2 && block.level() == end && same_scale(block.scale(), scale);
        });
    };
    if (!fits(state.main, ModelSequence::main) ||
        !fits(state.extrapolated, ModelSequence::extrapolated) || !fit_coefficients(plan, state)) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint of iteration {} does not fit the plan", state.iteration);
    }
    return {};
}

}  // namespace cipherfit
