#include "solver/dual_logits/dual_logits_solver.h"

#include "solver/dual_logits/logit_iteration.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

// Coefficients that are added up end a level above the lowest.
double DualLogitsSolver::capacity(const TrainingPlan& plan) const {
    return plan.lowest_capacity() * static_cast<double>(plan.parameters().q(1));
}

std::vector<SequenceShape> DualLogitsSolver::state(const TrainingPlan& plan, int iteration) const {
    std::vector<SequenceShape> shapes = DualSolver::state(plan, iteration);
    const bool last = iteration == plan.recipe().iterations;
    for (SequenceShape& shape : shapes) {
        if (shape.name == coefficients_sequence) {
            shape = {shape.name, last ? 0U : 1U, coefficient_level, coefficient_scale(plan)};
        } else if (shape.name == segment_sequence) {
            shape = {shape.name, segment_ciphertexts(plan, iteration), coefficient_level,
                     coefficient_scale(plan)};
        } else if (last) {
            shape.scale = plan.state_scale();
        }
    }
    return shapes;
}

std::string_view DualLogitsSolver::model_sequence(const TrainingPlan& plan, int iteration) const {
    return iteration == plan.recipe().iterations ? DualSolver::model_sequence(plan, iteration)
                                                 : segment_sequence;
}

int DualLogitsSolver::models_every(const TrainingPlan& plan) const {
    return plan.refresh().value().models_every;
}

int DualLogitsSolver::variant(const TrainingPlan& plan, int t) const {
    const int every = models_every(plan);
    return every > 0 && t % every == 0 ? 1 : 0;
}

std::unique_ptr<TrainingCircuit> DualLogitsSolver::circuit(const TrainingPlan& plan,
                                                           Operations& operations,
                                                           CircuitData data) const {
    return std::make_unique<LogitIteration>(plan, operations, std::move(data));
}

std::shared_ptr<const Solver> DualLogitsSolver::least(TrainingShape& shape) const {
    shape.features = 1;
    return std::make_shared<DualLogitsSolver>(layout());
}

double DualLogitsSolver::coefficient_scale(const TrainingPlan& plan) const noexcept {
    return plan.state_scale() * static_cast<double>(plan.parameters().q(coefficient_level));
}

// The owner reads two limbs, and the sign takes half of the modulus; half of that is room.
double DualLogitsSolver::segment_capacity(const TrainingPlan& plan) const noexcept {
    return static_cast<double>(plan.parameters().q(0)) *
           static_cast<double>(plan.parameters().q(1)) / (4 * coefficient_scale(plan));
}

std::size_t DualLogitsSolver::segment_ciphertexts(const TrainingPlan& plan, int iteration) const {
    const int every = models_every(plan);
    // Iteration t, from 1, ends in the segment of (t - 1) / every, from 0.
    if (every == 0 || iteration == 0 ||
        (iteration - 1) / every == (plan.recipe().iterations - 1) / every) {
        return 0;
    }
    return has_momentum(plan.recipe()) ? 2 : 1;
}

const DualLogitsSolver& dual_logits_solver(const TrainingPlan& plan) {
    const auto* solver = dynamic_cast<const DualLogitsSolver*>(&plan.solver());
    require(solver != nullptr, ErrorCode::internal,
            "a plan of the {} solver is no dual one with bootstrappings", plan.solver().name());
    return *solver;
}

}  // namespace cipherfit
