// An iteration of the statistics solver: with Q = b - c1 G V (V = M or U, by the recipe), a new
// sequence is u Q + e U + m M with the public terms of the recurrence.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/kernel_product.h"
#include "solver/training_circuit.h"

#include <vector>

namespace cipherfit {

class StatisticsIteration : public TrainingCircuit {
  public:
    // Data that was checked against the plan; plan and operations must outlive this object.
    StatisticsIteration(const TrainingPlan& plan, Operations& operations, CircuitData data);
    CircuitState step(const CircuitState& state) override;

  private:
    // G V, rescaled; none in the first iteration, where V is zero.
    Handle product(const CircuitState& state) const;

    const TrainingPlan& plan_;
    Operations& operations_;
    EncryptedKernel gram_;  // refers to operations_
    std::vector<Handle> moments_;
};

}  // namespace cipherfit
