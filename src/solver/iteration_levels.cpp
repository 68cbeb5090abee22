#include "solver/iteration_levels.h"

#include <algorithm>

namespace cipherfit {

std::vector<IterationLevels> iteration_levels(const Recipe& recipe, const IterationParts& parts,
                                              std::size_t refreshed) {
    const bool initial_logits = recipe.initial_weight != 0.0;
    const int first = (initial_logits ? parts.sigmoid : 0) + parts.backward;
    const int depth = parts.depth();
    // As many iterations as fit go below one start, and no level is left over at the end but the
    // spare ones.
    const auto top = static_cast<int>(refreshed);
    const auto start = [&](int remaining, int room) {
        return refreshed == 0
                   ? remaining * depth
                   : std::min(remaining, (room - parts.spare) / depth) * depth + parts.spare;
    };
    int level = first + start(recipe.iterations - 1, top - first);
    std::vector<IterationLevels> levels;
    for (int t = 0; t < recipe.iterations; ++t) {
        IterationLevels at;
        if (t > 0 && level < depth + parts.spare) {
            at.refresh = true;
            level = start(recipe.iterations - t, top);
        }
        at.start = level;
        if (t > 0 && parts.forward > 0) {
            at.forward = level;
            level -= parts.forward;
        }
        if (parts.sigmoid > 0 && (t > 0 || initial_logits)) {
            at.sigmoid = level;
            level -= parts.sigmoid;
        }
        at.backward = level;
        level -= parts.backward;
        at.end = level;
        levels.push_back(at);
    }
    return levels;
}

}  // namespace cipherfit
