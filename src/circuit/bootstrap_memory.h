// The memory of a bootstrapping: what Bootstrapper takes of the pool and gives back, in its order
// (ckks/bootstrap/bootstrapper.cpp), from its plan alone.
#pragma once

#include "cipherfit/ckks/bootstrap.h"
#include "circuit/replay_pool.h"
#include "ckks/bootstrap/encoded_matrix.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

class BootstrapMemory {
  public:
    explicit BootstrapMemory(const BootstrapPlan& plan);

    // The encoded matrices, which stay to the end.
    void hold_matrices(ReplayPool& pool) const;
    // Bootstrapper::bootstrap() of a ciphertext at `level`: the result's blocks.
    ReplayPool::Blocks bootstrap(ReplayPool& pool, std::size_t level) const;
    // bootstrap_pair(): those of both results.
    std::vector<ReplayPool::Blocks> bootstrap_pair(ReplayPool& pool, std::size_t level) const;

  private:
    BootstrapPlan plan_;
    // In the order of their application, from these levels downwards.
    std::vector<MatrixShape> coeffs_to_slots_, slots_to_coeffs_;
};

}  // namespace cipherfit
