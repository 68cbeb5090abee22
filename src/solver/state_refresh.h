// Levels for the states of a run with bootstrappings.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/train/plan.h"
#include "solver/training_circuit.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace cipherfit {

class StateRefresh {
  public:
    // Plan and operations must outlive this object. With a mask, what it clears becomes zero before
    // a bootstrapping, for a level that is spare.
    StateRefresh(const TrainingPlan& plan, Operations& operations, std::vector<double> mask = {});

    // M and U at the levels that a bootstrapping leaves, both of each block as real and imaginary
    // part, at a common scale, and as many blocks together as the plan says. Without momentum, two
    // blocks of M. |entries| must be below
    // the plan's range.
    CircuitState operator()(const CircuitState& state) const;

  private:
    using Pair = std::pair<Handle, Handle>;  // the second may be empty
    // One pair, or block, in one bootstrapping.
    Pair refreshed_alone(Pair pair, std::size_t level) const;
    std::vector<Pair> refreshed(std::vector<Pair> pairs, std::size_t level) const;
    // The first `blocks` of `count` interleaved messages, each `count` times.
    std::vector<Handle> taken_apart(Handle joined, std::size_t count, std::size_t blocks) const;
    // Masked values at level 0, at the scale for the bootstrapping.
    Handle cleaned(const Handle& values) const;

    const TrainingPlan& plan_;
    Operations& operations_;
    std::vector<double> mask_;  // or none
};

}  // namespace cipherfit
