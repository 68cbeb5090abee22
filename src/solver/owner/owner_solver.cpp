// What most owner's halves have in common.
#include "cipherfit/solver/owner/owner_solver.h"

#include "cipherfit/solver/owner/plain_run.h"

namespace cipherfit {

RowMatrix OwnerSolver::model(const RowMatrix& state, const PreparedData& /*data*/) const {
    return state;
}

double OwnerSolver::largest_refreshed(const PlainRun& run) const {
    return run.max_abs_held();
}

RefreshView OwnerSolver::refresh_view(const TrainingPlan& plan,
                                      const PreparedData& /*data*/) const {
    throw Error(ErrorCode::internal,
                fmt::format("the {} solver has no bootstrappings", plan.solver().name()));
}

void OwnerSolver::require_room(const TrainingPlan& /*plan*/, const PlainRun& /*run*/) const {}

}  // namespace cipherfit
