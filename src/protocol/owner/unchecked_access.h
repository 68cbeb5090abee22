// The way into what was decrypted and not checked yet: for the checks, and for tests of what comes
// before them. It is not installed.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/owner/unchecked.h"
#include "cipherfit/rlwe/owner/secret_key.h"

namespace cipherfit {

struct UncheckedAccess {
    template <class What>
    static const RowMatrix& values(const Unchecked<What>& unchecked) noexcept {
        return unchecked.values_;
    }
};

// Returns the coefficients that a block of the dual's replicas holds, samples x heads.
RowMatrix decrypt_coefficients(const Job& job, const SecretKey& key, const Ciphertext& block);

}  // namespace cipherfit
