// Ciphertexts and evaluation keys in files of their own, for programs that compute with CKKS and
// train nothing. A file carries the parameters and the name of the key, so that it can be read by
// itself; keys and ciphertexts of one owner have the same name.
#pragma once

#include "cipherfit/protocol/job_files.h"

#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

// Sizes up to which such files are read.
inline constexpr std::size_t most_ciphertexts_in_a_file = 65536;
inline constexpr std::size_t most_keys_in_a_file = 4096;

struct CiphertextFile {
    Parameters parameters;
    Digest key{};  // SecretKey::id()
    std::vector<Ciphertext> ciphertexts;
};
// Ciphertexts of two parts, at any levels. Throws Error(invalid_argument) for others, and for more
// than most_ciphertexts_in_a_file.
Expected<void> write_ciphertexts(ContentSink to, const Parameters& parameters, const Digest& key,
                                 std::span<const Ciphertext* const> ciphertexts);
// Errors: corrupt_data, unsupported_version, insecure_parameters, io_failure.
Expected<CiphertextFile> read_ciphertexts(ContentSource from,
                                          TestParameters tests = TestParameters::refuse);

struct KeyFile {
    Digest key{};
    EvaluationKeys keys;
};
// The file of evaluation keys that write_keys() of owner/key_file.h leaves. Errors as above.
Expected<KeyFile> read_keys(ContentSource from, TestParameters tests = TestParameters::refuse);

}  // namespace cipherfit
