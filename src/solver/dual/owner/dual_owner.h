// What the owner's halves of both forms of the dual solver share.
#pragma once

#include "cipherfit/solver/owner/owner_solver.h"
#include "solver/dual/owner/dual_twin.h"

#include <vector>

namespace cipherfit {

class DualOwner : public OwnerSolver {
  public:
    std::string_view form() const noexcept override { return "dual"; }
    StateRun run(const PreparedData& data, const Recipe& recipe, const NoiseModel* noise,
                 const StateVisitor& visit) const override;
    bool states_are_models() const noexcept override { return false; }
    RowMatrix model(const RowMatrix& state, const PreparedData& data) const override;
    NoiseModel noise(const TrainingPlan& plan) const override;
    double largest_refreshed(const PlainRun& run) const override;
    void for_each_message(const TrainingPlan& plan, const PreparedData& data, std::size_t batch,
                          const std::function<void(TrainingMessage)>& use) const override;
    std::unique_ptr<ModelReader> reader(const TrainingPlan& plan,
                                        const RowMatrix& xs) const override;
};

// The coefficients that a block of replicas holds, n x c.
RowMatrix unpack_coefficients(const TrainingPlan& plan, const std::vector<double>& replicas);

// Throws Error(invalid_argument) unless these are rows of the plan's shape.
void require_rows(const TrainingPlan& plan, const RowMatrix& xs);

}  // namespace cipherfit
