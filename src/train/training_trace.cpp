#include "train/training_trace.h"

#include "cipherfit/circuit/recorder.h"
#include "cipherfit/circuit/symbolic_operations.h"
#include "train/state_shape.h"

#include <map>
#include <memory>
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
    const std::size_t batch = plan.batch_of(t);
    const int every = plan.segment_length();
    return {at.refresh ? 1 : 0,
            at.start,
            at.forward,
            at.sigmoid,
            at.backward,
            at.end,
            t == 0 ? 1 : 0,
            t + 1 == plan.recipe().iterations ? 1 : 0,
            plan.recipe().etas[static_cast<std::size_t>(t)] == 0 ? 1 : 0,
            static_cast<int>(plan.feature_level(batch)),
            static_cast<int>(plan.label_level(batch)),
            static_cast<int>(plan.segment_ciphertexts(t)),
            static_cast<int>(plan.segment_ciphertexts(t + 1)),
            every > 0 && t % every == 0 ? 1 : 0};
}

}  // namespace

CircuitData circuit_data(const TrainingPlan& plan, std::size_t batch, const MakeInput& input) {
    const std::size_t labels = plan.label_level(batch);
    return {
        inputs(plan.feature_ciphertexts(), {plan.feature_level(batch), plan.feature_scale()},
               input),
        inputs(plan.label_ciphertexts(), {labels, plan.label_scale()}, input),
        inputs(plan.logit_ciphertexts(), {labels, plan.logit_scale()}, input),
        plan.start_ciphertexts() == 0
            ? std::vector<Handle>{}
            : inputs(plan.start_ciphertexts(), {plan.start_level(), plan.start_scale()}, input)};
}

CircuitState circuit_state(const TrainingPlan& plan, int iteration, const MakeInput& input) {
    const StateShape shape = state_shape(plan, iteration);
    const auto sequence = [&](const SequenceShape& of) {
        return inputs(of.count, {of.level, of.scale}, input);
    };
    return {.iteration = iteration,
            .main = sequence(shape.main),
            .extrapolated = sequence(shape.extrapolated),
            .coefficients = sequence(shape.coefficients),
            .segment = sequence(shape.segment)};
}

TrainingTrace trace_training(const TrainingPlan& plan) {
    SymbolicOperations symbolic(
        plan.parameters(), plan.refresh_count() > 0 ? &plan.refresh().value().bootstrap : nullptr);
    Recorder recorder(symbolic);
    const auto input = [&](MessageInfo info) { return recorder.input(Handle::symbolic(info, 2)); };
    const bool streamed = plan.batches() > 1;
    recorder.phase("data");
    CircuitData data = streamed ? CircuitData{} : circuit_data(plan, 0, input);
    const std::unique_ptr<TrainingCircuit> circuit =
        streamed ? training_circuit(plan, recorder, CircuitSource([&](std::size_t batch) {
                                        return circuit_data(plan, batch, input);
                                    }))
                 : training_circuit(plan, recorder, std::move(data));
    TrainingTrace trace;
    std::map<std::vector<int>, std::size_t> kinds;
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        const auto [kind, is_new] =
            kinds.try_emplace(kind_of(plan, t), recorder.tape().phases.size());
        trace.phase_of.push_back(kind->second);
        if (is_new) {
            recorder.phase("iteration " + std::to_string(t + 1));
            const CircuitState state = circuit_state(plan, t, input);
            static_cast<void>(circuit->step(state));
        }
    }
    recorder.phase("end");
    trace.tape = recorder.tape();
    return trace;
}

bool is_too_long_to_trace(const TrainingPlan& plan) {
    const auto blocks = static_cast<double>(plan.feature_ciphertexts());
    if (plan.solver() == Solver::dual) {
        return blocks * static_cast<double>(plan.kernel().kernel_blocks()) > longest_trace * 16;
    }
    return blocks * static_cast<double>(plan.layout().padded_classes()) *
               static_cast<double>(plan.class_groups()) >
           longest_trace;
}

RingShape training_ring(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    return {parameters.log_n(),
            (plan.refresh() ? plan.refresh()->bootstrap.levels() : parameters.max_level()) + 1,
            parameters.special_primes(), parameters.digit_size()};
}

}  // namespace cipherfit
