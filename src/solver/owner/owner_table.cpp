// The table of the solvers' owner's halves.
#include "cipherfit/solver/owner/owner_solver.h"

#include <array>

namespace cipherfit {

// One line each, declared here and defined in the solver's folder.
const OwnerSolver& primal_owner();
const OwnerSolver& dual_owner();
const OwnerSolver& dual_logits_owner();
const OwnerSolver& statistics_owner();

const OwnerSolver& owner_solver(std::string_view form) {
    static const std::array table{&primal_owner(), &dual_owner(), &dual_logits_owner(),
                                  &statistics_owner()};
    for (const OwnerSolver* solver : table) {
        if (solver->form() == form) {
            return *solver;
        }
    }
    throw Error(ErrorCode::invalid_argument, fmt::format("no solver has the form '{}'", form));
}

const OwnerSolver& weights_solver() {
    return primal_owner();
}

}  // namespace cipherfit
