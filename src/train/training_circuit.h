// An iteration of training as a circuit: what the trainer executes, and what is recorded to know
// keys, costs and memory beforehand. One class a solver.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace cipherfit {

// EncryptedTrainingData and TrainingState (encrypted_trainer.h), as handles.
struct CircuitData {
    std::vector<Handle> features, labels, logits, start;
};
struct CircuitState {
    int iteration = 0;
    // NOLINTNEXTLINE(readability-redundant-member-init): for designated initialisers
    std::vector<Handle> main = {}, extrapolated = {}, coefficients = {}, segment = {};
};

// Gives the data of a mini-batch, 0..plan.batches()-1. It is asked for one batch an iteration.
using CircuitSource = std::function<CircuitData(std::size_t batch)>;

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
// Of a plan with mini-batches.
std::unique_ptr<TrainingCircuit> training_circuit(const TrainingPlan& plan, Operations& operations,
                                                  CircuitSource source);

}  // namespace cipherfit
