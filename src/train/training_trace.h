// The tape of a plan's training, from which its keys, counts and memory are read. Iterations that
// differ in nothing that a tape holds are recorded once.
#pragma once

#include "cipherfit/circuit/folds.h"
#include "cipherfit/circuit/operations.h"
#include "cipherfit/circuit/tape.h"
#include "cipherfit/train/plan.h"
#include "solver/training_circuit.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace cipherfit {

struct TrainingTrace {
    // Phase 0 is the data, phase 1 its preparation; then comes one for each kind of iteration.
    static constexpr std::size_t preparation = 1;
    Tape tape;
    std::vector<std::size_t> phase_of;  // of iteration t = 0, 1, ...
};

TrainingTrace trace_training(const TrainingPlan& plan);

// Whether a tape of the plan would be too long to record, so that closed forms must do.
bool is_too_long_to_trace(const TrainingPlan& plan);

// The ring at all levels; and at the levels where training lives: below a bootstrapping's.
RingShape full_ring(const Parameters& parameters);
RingShape training_ring(const TrainingPlan& plan);

// The data of a batch and the state after `iteration` iterations as inputs of a recording, made by
// `input` from what the plan says of each ciphertext.
using MakeInput = std::function<Handle(MessageInfo)>;
CircuitData circuit_data(const TrainingPlan& plan, std::size_t batch, const MakeInput& input);
CircuitState circuit_state(const TrainingPlan& plan, int iteration, const MakeInput& input);

}  // namespace cipherfit
