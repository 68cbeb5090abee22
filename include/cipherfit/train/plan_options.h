// The terms in which a training plan is asked for and in which it speaks: shapes, options, levels.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/ckks/bootstrap.h"
#include "cipherfit/rlwe/security.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cipherfit {

// Who computes the dual solver's Gram matrix: the owner in the clear, or the server from the
// encrypted features (two levels more, and much more work and data for both).
enum class GramSource { owner, server };

std::string_view name(GramSource source) noexcept;
Expected<GramSource> gram_source_from_name(std::string_view name);

// n, d (bias included; 0: not known, see TrainingPlan::tells_features()), and the classes. `heads`
// (c) are the logits that are trained: one for every class, or a single one for two classes
// (recipe.h, trained_heads()). 0 leaves it to create().
struct TrainingShape {
    std::size_t samples = 0;
    std::size_t features = 0;
    std::size_t classes = 0;
    std::size_t heads = 0;
    friend bool operator==(const TrainingShape&, const TrainingShape&) = default;
};

struct PlanOptions {
    unsigned log_n = 0;       // 0: the planner chooses
    unsigned scale_bits = 0;  // 32 to 45; 0: the planner chooses
    // Largest evaluation-key, feature and working memory of the server; a ring or layout above it
    // is not chosen. 0: 5.5 GB, and 12 GB with bootstrappings.
    double memory_limit_bytes = 0;
    // The largest |entry| of the states that must survive at the lowest level: the rehearsal or
    // the twin knows it (TwinResult::max_abs_held). 1 to 2^24. Decides the states' scale.
    double largest_state = 256;
    // Most ciphertexts that the owner uploads; 0: no limit.
    std::size_t most_ciphertexts = 0;
    // The name of a solver (solver_names()); none: the cheapest of those that need not be asked
    // for.
    std::optional<std::string> solver;
    GramSource gram = GramSource::owner;
    // Whether the states may be bootstrapped where one chain does not hold all iterations, or where
    // that is cheaper; `always` for tests.
    enum class Refresh { never, where_it_pays, always } refresh = Refresh::where_it_pays;
    // The largest |entry| of what is bootstrapped, in the solver's own coordinates; 0:
    // largest_state. A power of two above it goes into the plan. with_refresh_range() makes it
    // tight: every bit that it is too large costs one of the bootstrapping's precision.
    double refresh_range = 0;
    // What the chain is held to. Levels other than the first have no bootstrappings.
    SecurityLevel security = SecurityLevel::classical_128;
    // Below the security table, on small rings: for tests only.
    bool insecure_for_tests_only = false;
    // Iterations after which a dual run with bootstrappings has a model in between, fewer than
    // there are; 0: none but the last. Unless given, of 1, 2, 5, 10, 20, 50, ... the least that
    // makes at most 20 of them. Other runs have a model after every iteration.
    std::optional<int> models_every = std::nullopt;
};

// Where one iteration spends its levels; -1 where the operation does not occur.
struct IterationLevels {
    bool refresh = false;  // whether the states are bootstrapped to `start` first
    int start = 0;         // of the model, or of the fresh data in the first iteration
    int forward = -1;      // of the product with the state, at this level; its result is one below
    int sigmoid = -1;      // of the logits
    int backward = 0;      // of the errors, replicated there; primal: E^T X
    int end = 0;           // of the new states
};

// How the states get levels again: M + i U of every block of the model through one bootstrapping.
struct RefreshPlan {
    BootstrapPlan bootstrap;
    // The coefficients of what is bootstrapped, as a polynomial, are below 2^range_bits: it is they
    // that must be a small part of q_0, and they are smaller than the entries, which they spread
    // over all slots.
    int range_bits = 0;
    // The dual's: the length of the segments whose errors are added up; 0: none.
    int models_every = 0;
    double range() const;
};

}  // namespace cipherfit
