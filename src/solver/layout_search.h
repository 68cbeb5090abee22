// What a solver and the search for a plan (train/plan_search.h) tell each other.
#pragma once

#include "cipherfit/circuit/folds.h"
#include "cipherfit/solver/solver.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace cipherfit {

// The ring at hand, and where the iterations spend their levels in it.
struct SearchSpace {
    const TrainingShape& shape;
    const Recipe& recipe;
    const PlanOptions& options;
    const RingShape& ring;
    const std::vector<IterationLevels>& schedule;
    bool refreshed = false;
    std::size_t slots() const { return std::size_t{1} << (ring.log_n - 1); }
};

// One layout: its keys, without their levels; the ciphertexts that the owner sends; the server's
// memory, estimated; and the transforms of all iterations.
struct LayoutOffer {
    std::size_t keys = 0;
    std::size_t ciphertexts = 0;
    double memory = 0;
    double work = 0;
    // The slots after which the states repeat, and the ciphertexts of a sequence.
    std::size_t state_period = 0;
    std::size_t state_blocks = 0;
};

class LayoutSearch {
  public:
    LayoutSearch() = default;
    LayoutSearch(const LayoutSearch&) = delete;
    LayoutSearch& operator=(const LayoutSearch&) = delete;
    virtual ~LayoutSearch() = default;
    // Whether a layout of so many ciphertexts need not be looked at.
    virtual bool too_many(std::size_t ciphertexts) = 0;
    // `make` is called if this layout is the best so far.
    virtual void consider(const LayoutOffer& offer,
                          const std::function<std::shared_ptr<const Solver>()>& make) = 0;
};

}  // namespace cipherfit
