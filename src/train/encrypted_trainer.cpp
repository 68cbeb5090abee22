#include "cipherfit/train/encrypted_trainer.h"

#include "cipherfit/circuit/evaluator_operations.h"
#include "solver/training_circuit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace cipherfit {
namespace {

void check_data(const TrainingPlan& plan, const EncryptedTrainingData& data, std::size_t batch) {
    const std::vector<SequenceShape> shapes = plan.messages(batch);
    for (const auto& [name, blocks] : data) {
        const std::size_t count = sequence_of(shapes, name).count;
        require(blocks.size() == count, ErrorCode::corrupt_data,
                "the plan has {} ciphertexts of {}, got {}", count, name, blocks.size());
    }
    for (const SequenceShape& shape : shapes) {
        const std::vector<Ciphertext>& blocks = data[shape.name];
        require(blocks.size() == shape.count, ErrorCode::corrupt_data,
                "the plan has {} ciphertexts of {}, got {}", shape.count, shape.name,
                blocks.size());
        for (const Ciphertext& block : blocks) {
            require(block.size() == 2 && block.level() == shape.level &&
                        same_scale(block.scale(), shape.scale),
                    ErrorCode::corrupt_data,
                    "a ciphertext of {} is at level {} and scale 2^{:.3f}, the plan says {} and "
                    "2^{:.3f}",
                    shape.name, block.level(), std::log2(block.scale()), shape.level,
                    std::log2(shape.scale));
        }
    }
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
    CircuitData handles;
    for (auto& [name, blocks] : data) {
        handles[name] = to_handles(std::move(blocks));
    }
    return handles;
}

}  // namespace

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   EncryptedTrainingData data)
    : plan_(plan) {
    require(plan.row_files() == 1, ErrorCode::invalid_argument,
            "the plan has {} batches: give a source of them", plan.row_files());
    check_data(plan, data, 0);
    keys.check(plan.keys());
    engine_ = std::make_unique<Engine>(plan, keys);
    engine_->circuit = training_circuit(plan, engine_->operations, to_circuit(std::move(data)));
}

EncryptedTrainer::EncryptedTrainer(const TrainingPlan& plan, const EvaluationKeys& keys,
                                   BatchSource source)
    : plan_(plan) {
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
    CircuitState borrowed{.iteration = state.iteration};
    for (const auto& [name, blocks] : state.sequences) {
        borrowed[name] = borrow_all(blocks);
    }
    CircuitState made = engine_->circuit->step(borrowed);
    TrainingState next{.iteration = made.iteration};
    for (auto& [name, handles] : made.sequences) {
        next[name] = release_all(std::move(handles));
    }
    return next;
}

const std::vector<Ciphertext>& EncryptedTrainer::model(const TrainingState& state) const {
    require(state.iteration == plan_.recipe().iterations, ErrorCode::invalid_argument,
            "training stands at iteration {} of {}", state.iteration, plan_.recipe().iterations);
    return state[plan_.solver().model_sequence(plan_, state.iteration)];
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
    const std::vector<SequenceShape> shapes = plan.state(state.iteration);
    bool all_fit = std::all_of(shapes.begin(), shapes.end(), [&](const SequenceShape& shape) {
        return fits(state[shape.name], shape);
    });
    for (const auto& [name, blocks] : state.sequences) {
        all_fit = all_fit && blocks.size() == sequence_of(shapes, name).count;
    }
    if (!all_fit) {
        return make_error(ErrorCode::corrupt_data,
                          "the checkpoint of iteration {} does not fit the plan", state.iteration);
    }
    return {};
}

}  // namespace cipherfit
