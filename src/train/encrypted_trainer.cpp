#include "cipherfit/train/encrypted_trainer.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "train/state_shape.h"
#include "train/training_circuit.h"

#include <algorithm>
#include <cmath>
#include <optional>
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

struct EncryptedTrainer::Engine {
    Engine(const TrainingPlan& plan, const EvaluationKeys& keys)
        : evaluator(keys),
          bootstrapper(plan.refresh_count() > 0 ? std::make_unique<const Bootstrapper>(
                                                      plan.refresh().value().bootstrap, keys)
                                                : nullptr),
          operations(evaluator, bootstrapper.get()) {}

    Evaluator evaluator;
    std::unique_ptr<const Bootstrapper> bootstrapper;  // none without bootstrappings
    EvaluatorOperations operations;
    std::unique_ptr<TrainingCircuit> circuit;
};

EncryptedTrainer::~EncryptedTrainer() = default;
EncryptedTrainer::EncryptedTrainer(EncryptedTrainer&&) noexcept = default;

namespace {

CircuitData to_circuit(EncryptedTrainingData data) {
    return {to_handles(std::move(data.features)), to_handles(std::move(data.labels)),
            to_handles(std::move(data.logits)), to_handles(std::move(data.start))};
}

}  // namespace

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   EncryptedTrainingData data)
    : plan_(plan) {
    require(plan.batches() == 1, ErrorCode::invalid_argument,
            "the plan has {} batches: give a source of them", plan.batches());
    check_data(plan, data, 0);
    keys.check(plan.keys());
    engine_ = std::make_unique<Engine>(plan, keys);
    engine_->circuit = training_circuit(plan, engine_->operations, to_circuit(std::move(data)));
}

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   BatchSource source)
    : plan_(plan) {
    require(plan.solver() == Solver::primal, ErrorCode::invalid_argument,
            "the dual solver takes all samples at once: give its data");
    keys.check(plan.keys());
    engine_ = std::make_unique<Engine>(plan, keys);
    engine_->circuit = training_circuit(plan, engine_->operations,
                                        [&plan, source = std::move(source)](std::size_t batch) {
                                            EncryptedTrainingData data = source(batch);
                                            check_data(plan, data, batch);
                                            return to_circuit(std::move(data));
                                        });
}

TrainingState EncryptedTrainer::step(const TrainingState& state) {
    require(state.iteration >= 0 && state.iteration < plan_.recipe().iterations,
            ErrorCode::invalid_argument, "iteration {} of {} cannot be run", state.iteration + 1,
            plan_.recipe().iterations);
    require(check_state(plan_, state).has_value(), ErrorCode::invalid_argument,
            "iteration {} cannot be run from a state that does not fit the plan",
            state.iteration + 1);
    CircuitState next = engine_->circuit->step({.iteration = state.iteration,
                                                .main = borrow_all(state.main),
                                                .extrapolated = borrow_all(state.extrapolated),
                                                .coefficients = borrow_all(state.coefficients),
                                                .segment = borrow_all(state.segment)});
    return {.iteration = next.iteration,
            .main = release_all(std::move(next.main)),
            .extrapolated = release_all(std::move(next.extrapolated)),
            .coefficients = release_all(std::move(next.coefficients)),
            .segment = release_all(std::move(next.segment))};
}

const std::vector<Ciphertext>& EncryptedTrainer::model(const TrainingState& state) const {
    require(state.iteration == plan_.recipe().iterations, ErrorCode::invalid_argument,
            "training stands at iteration {} of {}", state.iteration, plan_.recipe().iterations);
    return plan_.recipe().model == ModelSequence::main ? state.main : state.extrapolated;
}

namespace {

bool fits(const std::vector<Ciphertext>& blocks, const SequenceShape& shape) {
    return blocks.size() == shape.count &&
           std::all_of(blocks.begin(), blocks.end(), [&](const Ciphertext& block) {
               return block.size() == 2 && block.level() == shape.level &&
                      same_scale(block.scale(), shape.scale);
           });
}

}  // namespace

Expected<void> check_state(const TrainingPlan& plan, const TrainingState& state) {
    const Recipe& recipe = plan.recipe();
    if (state.iteration < 0 || state.iteration > recipe.iterations) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint stands at iteration {}, the plan has {}", state.iteration,
                          recipe.iterations);
    }
    const StateShape shape = state_shape(plan, state.iteration);
    if (!fits(state.main, shape.main) || !fits(state.extrapolated, shape.extrapolated) ||
        !fits(state.coefficients, shape.coefficients) || !fits(state.segment, shape.segment)) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint of iteration {} does not fit the plan", state.iteration);
    }
    return {};
}

}  // namespace cipherfit
