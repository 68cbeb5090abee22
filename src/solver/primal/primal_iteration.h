// An iteration of the primal solver, on the model in the lane layout (linalg/matrix_products.h).
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/train/recurrence.h"
#include "solver/primal/primal_solver.h"
#include "solver/state_refresh.h"
#include "solver/training_circuit.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace cipherfit {

class PrimalIteration : public TrainingCircuit {
  public:
    // Data that was checked against the plan; plan and operations must outlive this object.
    PrimalIteration(const TrainingPlan& plan, Operations& operations, CircuitData data);
    // The source's data must have been checked.
    PrimalIteration(const TrainingPlan& plan, Operations& operations, CircuitSource source);
    CircuitState step(const CircuitState& state) override;

  private:
    // The samples of a file: the features with their babies, labels and Z_0.
    struct Batch {
        EncryptedFeatures features;
        std::vector<Handle> labels, logits;
    };
    Batch prepare(CircuitData data, bool with_forward) const;
    // Q_t of a group of classes, not rescaled.
    std::vector<Handle> gradient(const CircuitState& state, const Batch& batch,
                                 std::size_t group) const;
    // E_t of a group, replicated over its lanes, block rho.
    Handle errors(int t, const Batch& batch, std::size_t group, const std::vector<Handle>& products,
                  std::size_t rho) const;
    // The state that follows with those Q_t, a group each.
    using Gradient = std::function<std::vector<Handle>(std::size_t group)>;
    CircuitState next(const CircuitState& state, const Gradient& gradient) const;

    const TrainingPlan& plan_;
    const PrimalSolver& solver_;
    Operations& operations_;
    Recurrence recurrence_;
    StateRefresh refresh_;
    // 1 where a block has a logit: of the last block, and of all others.
    std::vector<double> last_mask_, mask_;
    std::optional<Batch> all_;  // of a run whose rows come in one file
    CircuitSource source_;      // of another
};

}  // namespace cipherfit
