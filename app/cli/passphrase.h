// Where the passphrase of the secret key's file comes from.
#pragma once

#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

namespace cipherfit {

// The passphrase in memory, wiped when it goes. Asked for at most once.
class Passphrase {
  public:
    Passphrase() = default;
    ~Passphrase();
    Passphrase(const Passphrase&) = delete;
    Passphrase& operator=(const Passphrase&) = delete;

    // --passphrase and --passphrase-file; CIPHERFIT_PASSPHRASE is heeded where neither is given.
    void add_options(CLI::App& app);
    // Of --passphrase-file; empty where it was not given.
    const std::filesystem::path& file() const noexcept { return file_; }

    // For a new key: empty where the user asked for none. A prompt asks twice. Throws
    // Error(bad_input).
    const std::string& for_new_key();
    // For the key of that file: empty where it needs none.
    const std::string& for_key(const std::filesystem::path& file);

  private:
    bool from_file_or_environment();
    bool prompt_ = false;
    bool known_ = false;
    std::filesystem::path file_;
    std::string text_;
};

}  // namespace cipherfit
