// Where the iterations of a run spend their levels, one below the other in a chain or between
// bootstrappings.
#pragma once

#include "cipherfit/train/plan_options.h"
#include "cipherfit/train/recipe.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

// What an iteration is made of.
struct IterationParts {
    int forward = 0;   // levels of the product with the state, which a first iteration has not
    int sigmoid = 0;   // of the sigmoid, which a first iteration has only with initial logits
    int backward = 0;  // of the product that ends it
    int spare = 0;     // levels that stay free below a bootstrapping's iterations
    int depth() const { return forward + sigmoid + backward; }
};

// See SolverKind::levels().
std::vector<IterationLevels> iteration_levels(const Recipe& recipe, const IterationParts& parts,
                                              std::size_t refreshed);

}  // namespace cipherfit
