// The one release that a holder takes part in, under one charter.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"

#include <filesystem>

namespace cipherfit {

// Records on the disk (mode 0600), before anything is answered, which request this holder answers.
// The same request may come again: its answer is the same bytes. Another one, of another set of
// holders or another ciphertext, is another release, which the noise is not sized for: bad_input
// with both digests. Errors: io_failure, corrupt_data.
Expected<void> record_release(const std::filesystem::path& file, const Digest& request);

}  // namespace cipherfit
