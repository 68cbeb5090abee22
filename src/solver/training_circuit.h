// An iteration of training as a circuit: what the trainer executes, and what is recorded to know
// keys, costs and memory beforehand. One class a solver.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/solver/solver.h"
#include "cipherfit/train/plan.h"

#include <memory>

namespace cipherfit {

// TrainingState (encrypted_trainer.h), as handles.
struct CircuitState {
    int iteration = 0;
    Sequences<Handle> sequences = {};

    const std::vector<Handle>& operator[](std::string_view name) const { return sequences[name]; }
    std::vector<Handle>& operator[](std::string_view name) { return sequences[name]; }
};

class TrainingCircuit {
  public:
    TrainingCircuit() = default;
    TrainingCircuit(const TrainingCircuit&) = delete;
    TrainingCircuit& operator=(const TrainingCircuit&) = delete;
    virtual ~TrainingCircuit() = default;
    // The state after one more iteration, of a state that fits the plan and is not finished.
    virtual CircuitState step(const CircuitState& state) = 0;
};

// The circuit of the plan's solver. Prepares the data: babies of the features, or the Gram matrix
// where the server makes it. Plan and operations must outlive the circuit.
std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitData data);
// The circuit of a plan with mini-batches.
std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitSource source);

// The names of the sequences that the recurrence has.
inline constexpr std::string_view main_sequence = "main";
inline constexpr std::string_view extrapolated_sequence = "extrapolated";
// The one that gradients are taken at.
inline const std::vector<Handle>& gradient_sequence(const Recipe& recipe,
                                                    const CircuitState& state) {
    return state[recipe.gradient_at == ModelSequence::main ? main_sequence : extrapolated_sequence];
}

}  // namespace cipherfit
