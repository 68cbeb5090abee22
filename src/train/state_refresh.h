// Levels for the states of a run with bootstrappings.
#pragma once

#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/ckks/evaluator.h"
#include "cipherfit/train/encrypted_trainer.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace cipherfit {

class StateRefresh {
  public:
    // Encodes the matrices where the plan has a bootstrapping. Plan and keys must outlive this
    // object.
    StateRefresh(const TrainingPlan& plan, const EvaluationKeys& keys);

    // M and U at the levels that a bootstrapping leaves, both of each block as real and imaginary
    // part, at a common scale, and as many blocks together as the plan says. Without momentum, two
    // blocks of M. |entries| must be below
    // the plan's range. Of the dual, what is not in lane 0 becomes zero, for the level that is
    // spare.
    TrainingState operator()(const TrainingState& state) const;

  private:
    using Pair = std::pair<Ciphertext, Ciphertext>;  // the second may be empty
    std::vector<Pair> refreshed(std::vector<Pair> pairs, std::size_t level) const;
    // The dual's values at level 0, at the scale for the bootstrapping.
    Ciphertext cleaned(const Ciphertext& values) const;

    const TrainingPlan& plan_;
    Evaluator evaluator_;
    std::vector<double> mask_;                          // of the dual
    std::unique_ptr<const Bootstrapper> bootstrapper_;  // none without bootstrappings
};

}  // namespace cipherfit
