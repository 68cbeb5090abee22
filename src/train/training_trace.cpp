#include "train/training_trace.h"

#include "cipherfit/circuit/recorder.h"
#include "cipherfit/circuit/symbolic_operations.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cipherfit {
namespace {

// Products of one iteration beyond which a tape is not worth its memory.
constexpr double longest_trace = 1 << 21;

std::vector<Handle> inputs(std::size_t count, MessageInfo info, const MakeInput& input) {
    std::vector<Handle> handles;
    handles.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        handles.push_back(input(info));
    }
    return handles;
}

// What the tape of an iteration depends on, beside the plan.
std::vector<int> kind_of(const TrainingPlan& plan, int t) {
    const IterationLevels& at = plan.levels()[static_cast<std::size_t>(t)];
    std::vector<int> kind{at.refresh ? 1 : 0,
                          at.start,
                          at.forward,
                          at.sigmoid,
                          at.backward,
                          at.end,
                          t == 0 ? 1 : 0,
                          t + 1 == plan.recipe().iterations ? 1 : 0,
                          plan.recipe().etas[static_cast<std::size_t>(t)] == 0 ? 1 : 0,
                          plan.solver().variant(plan, t)};
    for (const SequenceShape& message : plan.messages(plan.files_of(t).first)) {
        kind.push_back(static_cast<int>(message.level));
    }
    for (const int iteration : {t, t + 1}) {
        for (const SequenceShape& sequence : plan.state(iteration)) {
            kind.push_back(static_cast<int>(sequence.count));
        }
    }
    return kind;
}

Sequences<Handle> inputs(const std::vector<SequenceShape>& shapes, const MakeInput& input) {
    Sequences<Handle> sequences;
    for (const SequenceShape& shape : shapes) {
        if (shape.count > 0) {
            sequences[shape.name] = inputs(shape.count, {shape.level, shape.scale}, input);
        }
    }
    return sequences;
}

}  // namespace

CircuitData circuit_data(const TrainingPlan& plan, std::size_t batch, const MakeInput& input) {
    return inputs(plan.messages(batch), input);
}

CircuitState circuit_state(const TrainingPlan& plan, int iteration, const MakeInput& input) {
    return {.iteration = iteration, .sequences = inputs(plan.state(iteration), input)};
}

TrainingTrace trace_training(const TrainingPlan& plan) {
    SymbolicOperations symbolic(
        plan.parameters(), plan.refresh_count() > 0 ? &plan.refresh().value().bootstrap : nullptr);
    Recorder recorder(symbolic);
    const auto input = [&](MessageInfo info) { return recorder.input(Handle::symbolic(info, 2)); };
    const bool streamed = plan.row_files() > 1;
    recorder.phase("data");
    CircuitData data = streamed ? CircuitData{} : circuit_data(plan, 0, input);
    const std::unique_ptr<TrainingCircuit> circuit =
        streamed ? training_circuit(plan, recorder, CircuitSource([&](std::size_t batch) {
                                        return circuit_data(plan, batch, input);
                                    }))
                 : training_circuit(plan, recorder, std::move(data));
    TrainingTrace trace;
    std::map<std::vector<int>, std::size_t> kinds;
    // What an iteration that was recorded just now has made is what the next one goes on with.
    std::optional<CircuitState> made;
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        const auto [kind, is_new] =
            kinds.try_emplace(kind_of(plan, t), recorder.tape().phases.size());
        trace.phase_of.push_back(kind->second);
        if (is_new) {
            recorder.phase("iteration " + std::to_string(t + 1));
            const CircuitState state = made ? std::move(*made) : circuit_state(plan, t, input);
            made = circuit->step(state);
        } else {
            made.reset();
        }
    }
    recorder.phase("end");
    trace.tape = recorder.tape();
    return trace;
}

bool is_too_long_to_trace(const TrainingPlan& plan) {
    return plan.solver().products_per_iteration(plan) > longest_trace;
}

RingShape full_ring(const Parameters& parameters) {
    return {parameters.log_n(), parameters.max_level() + 1, parameters.special_primes(),
            parameters.digit_size()};
}

RingShape training_ring(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    return {parameters.log_n(),
            (plan.refresh() ? plan.refresh()->bootstrap.levels() : parameters.max_level()) + 1,
            parameters.special_primes(), parameters.digit_size()};
}

}  // namespace cipherfit
