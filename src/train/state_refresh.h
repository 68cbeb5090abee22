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

    // M and U at the levels that a bootstrapping leaves, both of each block in one: as real and
    // imaginary part, at a common scale. Without momentum, two blocks of M. |entries| must be below
    // the plan's range. Of the dual, what is not in lane 0 becomes zero, for the level that is
    // spare.
    CircuitState operator()(const CircuitState& state) const;

  private:
    std::pair<Handle, Handle> refreshed(const Handle& first, const Handle& second,
                                        std::size_t level) const;
    // The dual's values at level 0, at the scale for the bootstrapping.
    Handle cleaned(const Handle& values) const;

    const TrainingPlan& plan_;
    Operations& operations_;
    std::vector<double> mask_;  // of the dual
};

}  // namespace cipherfit
