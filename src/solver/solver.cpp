// What most solvers have in common.
#include "cipherfit/solver/solver.h"

#include "cipherfit/train/plan.h"
#include "solver/training_circuit.h"

namespace cipherfit {

Expected<void> SolverKind::check(const TrainingShape& /*shape*/, const Recipe& /*recipe*/,
                                 const PlanOptions& /*options*/) const {
    return {};
}

std::string SolverKind::does_not_fit(const TrainingShape& shape, const PlanOptions& options) const {
    return fmt::format(
        "{} classes do not fit any layout of a ring that may be chosen: use fewer "
        "classes{}",
        shape.classes, options.log_n == 0 ? "" : " or let the planner choose the ring");
}

std::string_view Solver::model_sequence(const TrainingPlan& plan, int /*iteration*/) const {
    return plan.recipe().model == ModelSequence::main ? main_sequence : extrapolated_sequence;
}

void Solver::check(const TrainingPlan& /*plan*/) const {}

std::unique_ptr<TrainingCircuit> Solver::circuit(
    const TrainingPlan& /*plan*/, Operations& /*operations*/,
    // NOLINTNEXTLINE(performance-unnecessary-value-param)
    CircuitSource /*source*/) const {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the {} solver takes all samples at once: give its data", name()));
}

}  // namespace cipherfit
