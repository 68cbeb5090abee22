// Where the passphrase of the secret key's file comes from.
#pragma once

#include "cipherfit/base/locked_memory.h"

#include <cstddef>
#include <filesystem>
#include <string_view>

#include <CLI/CLI.hpp>

namespace cipherfit {

// The passphrase in memory for secrets, wiped when it goes. Asked for at most once.
class Passphrase {
  public:
    static constexpr std::size_t longest = 4096;
    Passphrase() = default;
    Passphrase(const Passphrase&) = delete;
    Passphrase& operator=(const Passphrase&) = delete;

    // --passphrase and --passphrase-file; CIPHERFIT_PASSPHRASE is heeded where neither is given.
    void add_options(CLI::App& app);
    // The path that --passphrase-file gave; empty where it was not given.
    const std::filesystem::path& file() const noexcept { return file_; }

    // For a new key: empty where the user asked for none. A prompt asks twice. Throws
    // Error(bad_input).
    std::string_view for_new_key();
    // For the key of that file: empty where it needs none.
    std::string_view for_key(const std::filesystem::path& file);

  private:
    bool take(std::string_view text);
    bool from_file_or_environment();
    std::string_view text() const { return {text_.span().data(), size_}; }
    bool prompt_ = false;
    bool known_ = false;
    std::filesystem::path file_;
    LockedVector<char> text_{longest};
    std::size_t size_ = 0;
};

}  // namespace cipherfit
