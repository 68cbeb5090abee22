#include "cli/passphrase.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/owner/secret_key_file.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

constexpr std::size_t longest = Passphrase::longest;

// A passphrase that others can read protects nothing from them. Only a warning: secrets that a
// system mounts for a service cannot always be closed.
void warn_of_readers(const std::filesystem::path& file) {
    struct stat status{};
    if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        const std::string line = fmt::format(
            "cipherfit: warning: {}: other users may read or write the passphrase (mode {:04o}): "
            "'chmod 600' closes the file\n",
            file.string(), static_cast<unsigned>(status.st_mode & 07777U));
        static_cast<void>(std::fputs(line.c_str(), stderr));
    }
}

// The terminal of the process, with its echo off.
class SilentTerminal {
  public:
    SilentTerminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {
        require(descriptor_.valid() && ::tcgetattr(descriptor_.get(), &before_) == 0,
                ErrorCode::bad_input,
                "there is no terminal to ask for the passphrase: use --passphrase-file, or the "
                "environment variable CIPHERFIT_PASSPHRASE");
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        static_cast<void>(::tcsetattr(descriptor_.get(), TCSAFLUSH, &silent));
    }
    ~SilentTerminal() { static_cast<void>(::tcsetattr(descriptor_.get(), TCSAFLUSH, &before_)); }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;

    // The bytes of the answer.
    std::size_t ask(std::string_view question, LockedVector<char>& answer) const {
        static_cast<void>(::write(descriptor_.get(), question.data(), question.size()) >= 0);
        std::size_t size = 0;
        char c = 0;
        while (size < answer.size() && ::read(descriptor_.get(), &c, 1) == 1 && c != '\n') {
            answer[size++] = c;
        }
        static_cast<void>(::write(descriptor_.get(), "\n", 1) >= 0);
        return size;
    }

  private:
    FileDescriptor descriptor_;
    termios before_{};
};

}  // namespace

void Passphrase::add_options(CLI::App& app) {
    CLI::Option* file =
        app.add_option("--passphrase-file", file_,
                       "Protect the secret key by the passphrase in the first line of this file")
            ->type_name("FILE");
    app.add_flag("--passphrase", prompt_,
                 "Ask for a passphrase for the secret key; the environment variable "
                 "CIPHERFIT_PASSPHRASE can hold one too")
        ->excludes(file);
}

bool Passphrase::take(std::string_view text) {
    require(text.size() <= longest, ErrorCode::bad_input,
            "the passphrase has more than {} bytes: use a shorter one", longest);
    std::ranges::copy(text, text_.data());
    size_ = text.size();
    return size_ > 0;
}

bool Passphrase::from_file_or_environment() {
    if (!file_.empty()) {
        warn_of_readers(file_);
        auto bytes = value_or_throw(read_file(file_, longest));
        const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        const bool found = take(all.substr(0, all.find_first_of("\r\n")));
        secure_wipe(bytes.data(), bytes.size());
        require(found, ErrorCode::bad_input,
                "{}: the first line is empty: write the passphrase into it", file_.string());
        return true;
    }
    char* environment = prompt_ ? nullptr : std::getenv("CIPHERFIT_PASSPHRASE");
    if (environment == nullptr) {
        return false;
    }
    const std::string_view text(environment);
    const bool found = take(text);
    secure_wipe(environment, text.size());  // it can be read in /proc as long as it is there
    return found;
}

std::string_view Passphrase::for_new_key() {
    if (!std::exchange(known_, true) && !from_file_or_environment() && prompt_) {
        const SilentTerminal terminal;
        size_ = terminal.ask("Passphrase for the new secret key: ", text_);
        LockedVector<char> again(longest);
        const std::size_t size = terminal.ask("The same again: ", again);
        require(size_ > 0 && text() == std::string_view(again.data(), size), ErrorCode::bad_input,
                "the passphrases differ or are empty: give the command again");
    }
    return text();
}

std::string_view Passphrase::for_key(const std::filesystem::path& file) {
    if (value_or_throw(needs_passphrase(file)) && !std::exchange(known_, true) &&
        !from_file_or_environment()) {
        const SilentTerminal terminal;
        size_ = terminal.ask(fmt::format("Passphrase of {}: ", file.string()), text_);
    }
    return text();
}

}  // namespace cipherfit
