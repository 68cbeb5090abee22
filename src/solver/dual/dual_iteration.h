// An iteration of the dual solver, on the model's coefficients in the Gram layout
// (linalg/gram_product.h). The states are kept as replicas.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/gram_product.h"
#include "solver/dual/dual_solver.h"
#include "solver/training_circuit.h"

#include <vector>

namespace cipherfit {

class DualIteration : public TrainingCircuit {
  public:
    // Data that was checked against the plan; plan and operations must outlive this object.
    DualIteration(const TrainingPlan& plan, Operations& operations, CircuitData data);
    CircuitState step(const CircuitState& state) override;

  private:
    // E_t, as replicas at the plan's error scale.
    Handle errors(const CircuitState& state) const;

    const TrainingPlan& plan_;
    const DualSolver& solver_;
    Operations& operations_;
    EncryptedGram gram_;  // refers to operations_
    std::vector<double> mask_;
    std::vector<Handle> labels_, logits_, start_;
};

}  // namespace cipherfit
