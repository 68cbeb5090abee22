// Evaluation keys as a file for programs that compute with CKKS alone.
#pragma once

#include "cipherfit/protocol/ciphertext_files.h"
#include "cipherfit/rlwe/owner/secret_key.h"

namespace cipherfit {

// Makes the keys of the request, one at a time, and writes them; read_keys() reads them back.
// Throws Error(invalid_argument) for more than most_keys_in_a_file.
Expected<void> write_keys(ContentSink to, const SecretKey& key, const KeyRequest& request);

}  // namespace cipherfit
