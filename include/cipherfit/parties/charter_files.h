// The directory of a charter, which all members and the server can read:
//     charter.bin       the charter, as whoever wrote it down put it there
//     signatures/       one file for each member that has signed
//     messages/         the board of the rounds (board.h)
//     result.bin        what the server has trained
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/charter.h"

#include <cstdint>
#include <filesystem>

namespace cipherfit {

struct CharterFiles {
    std::filesystem::path directory;

    std::filesystem::path charter() const { return directory / "charter.bin"; }
    std::filesystem::path signature(std::uint32_t member) const;
    std::filesystem::path messages() const { return directory / "messages"; }
    std::filesystem::path result() const { return directory / "result.bin"; }
};

// Makes the directory with its folders and puts the charter there, never over another one. Errors:
// io_failure, bad_input.
Expected<void> write_charter(const CharterFiles& files, const Charter& charter);
Expected<void> write_signature(const CharterFiles& files, std::uint32_t member,
                               const Signature& signature);
// The charter with the signatures that are there. Errors: io_failure, corrupt_data (a signature of
// another charter names the member), bad_input.
Expected<SignedCharter> read_charter(const CharterFiles& files);

}  // namespace cipherfit
