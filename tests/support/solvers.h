// What tests ask a plan's solver.
#pragma once

#include "cipherfit/solver/solver.h"
#include "cipherfit/train/plan.h"
#include "cipherfit/train/recurrence.h"
#include "solver/dual/dual_solver.h"
#include "solver/dual_logits/dual_logits_solver.h"
#include "solver/gradient_solver.h"
#include "solver/primal/primal_solver.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace cipherfit::test {

inline SequenceShape message(const TrainingPlan& plan, std::string_view name,
                             std::size_t batch = 0) {
    return sequence_of(plan.messages(batch), name);
}

inline const GradientSolver& gradient_solver(const TrainingPlan& plan) {
    return dynamic_cast<const GradientSolver&>(plan.solver());
}

inline const SolverKind& kind_of(std::string_view solver) {
    return *solver_kind(solver).value();
}

// Without bootstrappings.
inline std::vector<IterationLevels> levels_of(const Recipe& recipe, std::string_view solver) {
    return kind_of(solver).levels(recipe, 0);
}

}  // namespace cipherfit::test
