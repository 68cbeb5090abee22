// The file of the owner's secret key: created exclusively with mode 0600, optionally encrypted
// under a passphrase (scrypt, RFC 7914, N = 2^17, r = 8, p = 1, which the file says; AES-256-GCM,
// which also authenticates these, the key's parameters and its name).
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/rlwe/owner/secret_key.h"

#include <filesystem>
#include <string_view>

namespace cipherfit {

// Refuses to overwrite (io_failure). An empty passphrase stores the key in the clear.
Expected<void> write_secret_key(const std::filesystem::path& path, const SecretKey& key,
                                std::string_view passphrase);

// Errors: corrupt_data, io_failure, insecure_parameters, bad_input for a missing or wrong
// passphrase, and for one given for a key that has none.
Expected<SecretKey> read_secret_key(const std::filesystem::path& path, std::string_view passphrase,
                                    TestParameters tests = TestParameters::refuse);

// Whether a passphrase must be asked for.
Expected<bool> needs_passphrase(const std::filesystem::path& path);

}  // namespace cipherfit
