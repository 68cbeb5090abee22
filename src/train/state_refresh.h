// Levels for the states of a run with bootstrappings.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/train/plan.h"
#include "train/training_circuit.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace cipherfit {

class StateRefresh {
  public:
    // Plan and operations must outlive this object.
    StateRefresh(const TrainingPlan& plan, Operations& operations);

    // M and U at the levels that a bootstrapping leaves, both of each block as real and imaginary
    // part, at a common scale, and as many blocks together as the plan says. Without momentum, two
    // blocks of M. |entries| must be below
    // the plan's range. Of the dual, what is not in lane 0 becomes zero, for the level that is
    // spare.
    CircuitState operator()(const CircuitState& state) const;

  private:
    using Pair = std::pair<Handle, Handle>;  // the second may be empty
    // One pair, or block, in one bootstrapping.
    Pair refreshed_alone(Pair pair, std::size_t level) const;
    std::vector<Pair> refreshed(std::vector<Pair> pairs, std::size_t level) const;
    // The first `blocks` of `count` interleaved messages, each `count` times.
    std::vector<Handle> taken_apart(Handle joined, std::size_t count, std::size_t blocks) const;
    // The dual's values at level 0, at the scale for the bootstrapping.
    Handle cleaned(const Handle& values) const;

    const TrainingPlan& plan_;
    Operations& operations_;
    std::vector<double> mask_;  // of the dual
};

}  // namespace cipherfit
