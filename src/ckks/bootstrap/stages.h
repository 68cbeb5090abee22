// The inside of a bootstrapping's plan: what each stage computes, at which level.
#pragma once

#include "cipherfit/ckks/bootstrap.h"
#include "ckks/bootstrap/diagonal_matrix.h"
#include "ckks/bootstrap/eval_mod.h"

#include <cstddef>
#include <vector>

namespace cipherfit {

struct BootstrapPlan::Stages {
    Parameters parameters;
    BootstrapLiteral literal;
    EvalMod eval_mod;
    // In the order of their application; they are large and made when asked for.
    std::vector<DiagonalMatrix> coeffs_to_slots() const;
    std::vector<DiagonalMatrix> slots_to_coeffs() const;
    // Families of rotations whose sums project onto the subring of the slots: each sum with the
    // identity, one after the other.
    std::vector<std::vector<KeyId>> trace() const;
    // Real and imaginary parts share a ciphertext: 2^log_slots < N/2.
    bool side_by_side() const noexcept { return literal.log_slots + 1 < literal.log_n; }

    // The levels at which stages begin.
    std::size_t eval_mod_level() const noexcept {
        return parameters.max_level() - literal.coeffs_to_slots;
    }
    std::size_t slots_to_coeffs_level() const noexcept {
        return literal.levels + literal.slots_to_coeffs;
    }
};

}  // namespace cipherfit
