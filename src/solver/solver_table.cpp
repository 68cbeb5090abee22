// The table of solvers. A new one is a folder beside this file and a line here, and its owner's
// half a line in owner/owner_table.cpp.
#include "cipherfit/solver/solver.h"

namespace cipherfit {

// One line each, declared here and defined in the solver's folder.
const SolverKind& dual_kind();
const SolverKind& primal_kind();
const SolverKind& statistics_kind();

const std::vector<const SolverKind*>& solver_kinds() {
    static const std::vector<const SolverKind*> table{&dual_kind(), &primal_kind(),
                                                      &statistics_kind()};
    return table;
}

std::string solver_names() {
    std::string names;
    const auto& kinds = solver_kinds();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        names += i == 0 ? "" : i + 1 == kinds.size() ? " or " : ", ";
        names += kinds[i]->name();
    }
    return names;
}

Expected<const SolverKind*> solver_kind(std::string_view name) {
    for (const SolverKind* kind : solver_kinds()) {
        if (kind->name() == name) {
            return kind;
        }
    }
    return make_error(ErrorCode::bad_input, "no solver '{}': choose {}", name, solver_names());
}

}  // namespace cipherfit
