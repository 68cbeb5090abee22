// The primal solver: the model, c x d, with two products an iteration in the lane layout
// (linalg/matrix_products.h). Any number of samples, also in mini-batches.
#pragma once

#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "solver/gradient_solver.h"

#include <cstddef>

namespace cipherfit {

class PrimalSolver : public GradientSolver {
  public:
    // Heads are trained in groups where they do not fit one layout, or where that is cheaper:
    // one-vs-rest sigmoids know nothing of each other. Every group has layout.classes(), the last
    // one possibly fewer; the features are shared.
    PrimalSolver(const LaneLayout& layout, const ShiftPlan& shifts, std::size_t heads)
        : layout_(layout), shifts_(shifts), heads_(heads) {}

    const LaneLayout& layout() const noexcept { return layout_; }
    const ShiftPlan& shifts() const noexcept { return shifts_; }
    std::size_t class_groups() const noexcept {
        return (heads_ + layout_.classes() - 1) / layout_.classes();
    }

    const SolverKind& kind() const noexcept override;
    double label_scale(const TrainingPlan& plan) const noexcept override;
    std::size_t feature_ciphertexts(const TrainingShape& shape) const noexcept override;
    std::size_t label_ciphertexts() const noexcept override;
    std::size_t state_ciphertexts() const noexcept override;
    std::size_t state_period() const noexcept override { return layout_.model_period(); }
    double capacity(const TrainingPlan& plan) const override;
    std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan, Operations& operations,
                                             CircuitData data) const override;
    std::unique_ptr<TrainingCircuit> circuit(const TrainingPlan& plan, Operations& operations,
                                             CircuitSource source) const override;
    std::shared_ptr<const Solver> least(TrainingShape& shape) const override;
    double products_per_iteration(const TrainingPlan& plan) const override;
    double kept_copies() const noexcept override;
    TrainingCounts estimate(const TrainingPlan& plan) const override;
    void add_to_json(nlohmann::json& json) const override;

  private:
    LaneLayout layout_;
    ShiftPlan shifts_;
    std::size_t heads_;
};

// The solver of a primal plan. Throws Error(internal) for another.
const PrimalSolver& primal_solver(const TrainingPlan& plan);

}  // namespace cipherfit
