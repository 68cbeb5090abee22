#include "cipherfit/linalg/odd_polynomial.h"
#include "cipherfit/train/plan.h"

#include <algorithm>

namespace cipherfit {

std::size_t iteration_depth(const Recipe& recipe, Solver solver) {
    return odd_polynomial_depth(recipe.sigmoid.degree()) + (solver == Solver::primal ? 2 : 1);
}

std::size_t spare_levels(Solver solver, std::size_t refreshed) {
    return solver == Solver::dual && refreshed > 0 ? 1 : 0;
}

// A dual iteration without refreshes ends with its errors: the product with the features is the
// owner's, once. From zero, its first one only takes up the labels. With refreshes it is the logits
// that go from one iteration to the next, and the product with the kernel comes last.
std::vector<IterationLevels> iteration_levels(const Recipe& recipe, Solver solver,
                                              std::size_t refreshed) {
    const int sigmoid = static_cast<int>(odd_polynomial_depth(recipe.sigmoid.degree()));
    const bool ends_with_product = solver == Solver::primal || refreshed > 0;
    const bool starts_with_product = solver == Solver::primal || refreshed == 0;
    const bool initial_logits = recipe.initial_weight != 0.0;
    const int first = (initial_logits ? sigmoid : 0) + (ends_with_product ? 1 : 0);
    const auto depth = static_cast<int>(iteration_depth(recipe, solver));
    // As many iterations as fit go below one start, and no level is left over at the end but the
    // one that the dual's states are cleaned with.
    const auto top = static_cast<int>(refreshed);
    const auto spare = static_cast<int>(spare_levels(solver, refreshed));
    const auto start = [&](int remaining, int room) {
        return refreshed == 0 ? remaining * depth
                              : std::min(remaining, (room - spare) / depth) * depth + spare;
    };
    int level = first + start(recipe.iterations - 1, top - first);
    std::vector<IterationLevels> levels;
    for (int t = 0; t < recipe.iterations; ++t) {
        IterationLevels at;
        if (t > 0 && level < depth + spare) {
            at.refresh = true;
            level = start(recipe.iterations - t, top);
        }
        at.start = level;
        if (t > 0 && starts_with_product) {
            at.forward = level;
            --level;
        }
        if (t > 0 || initial_logits) {
            at.sigmoid = level;
            level -= sigmoid;
        }
        at.backward = level;
        level -= ends_with_product ? 1 : 0;
        at.end = level;
        levels.push_back(at);
    }
    return levels;
}

}  // namespace cipherfit
