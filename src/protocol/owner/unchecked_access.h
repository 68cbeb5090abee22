// The way into what was decrypted and not checked yet: for the checks, and for tests of what comes
// before them. It is not installed.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/unchecked.h"
#include "cipherfit/rlwe/owner/secret_key.h"
#include "solver/owner/model_reader.h"

namespace cipherfit {

struct UncheckedAccess {
    template <class What>
    static const RowMatrix& values(const Unchecked<What>& unchecked) noexcept {
        return unchecked.values_;
    }
};

// decrypt_model() of the blocks of Solver::model_sequence() after an iteration, as the reader makes
// a model of them.
UncheckedModel decrypt_model(const Job& job, const SecretKey& key,
                             const std::vector<Ciphertext>& blocks, int iteration,
                             ModelReader& reader);

}  // namespace cipherfit
