#include "cli/passphrase.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/owner/secret_key_file.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

constexpr std::size_t longest = 4096;

void wipe(std::string& text) {
    secure_wipe(text.data(), text.size());
    text.clear();
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

    std::string ask(std::string_view question) const {
        static_cast<void>(::write(descriptor_.get(), question.data(), question.size()) >= 0);
        std::string answer;
        answer.reserve(longest);  // no copies of the text are left by growing
        char c = 0;
        while (::read(descriptor_.get(), &c, 1) == 1 && c != '\n' && answer.size() < longest) {
            answer.push_back(c);
        }
        static_cast<void>(::write(descriptor_.get(), "\n", 1) >= 0);
        return answer;
    }

  private:
    FileDescriptor descriptor_;
    termios before_{};
};

}  // namespace

Passphrase::~Passphrase() {
    wipe(text_);
}

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

bool Passphrase::from_file_or_environment() {
    if (!file_.empty()) {
        auto bytes = value_or_throw(read_file(file_, longest));
        text_.assign(bytes.begin(), bytes.end());
        secure_wipe(bytes.data(), bytes.size());
        text_.resize(std::min(text_.size(), text_.find_first_of("\r\n")));
        require(!text_.empty(), ErrorCode::bad_input,
                "{}: the first line is empty: write the "
                "passphrase into it",
                file_.string());
        return true;
    }
    const char* environment = prompt_ ? nullptr : std::getenv("CIPHERFIT_PASSPHRASE");
    if (environment != nullptr) {
        text_ = environment;
        return !text_.empty();
    }
    return false;
}

const std::string& Passphrase::for_new_key() {
    if (!std::exchange(known_, true) && !from_file_or_environment() && prompt_) {
        const SilentTerminal terminal;
        text_ = terminal.ask("Passphrase for the new secret key: ");
        std::string again = terminal.ask("The same again: ");
        const bool equal = text_ == again && !text_.empty();
        wipe(again);
        require(equal, ErrorCode::bad_input,
                "the passphrases differ or are empty: give the command again");
    }
    return text_;
}

const std::string& Passphrase::for_key(const std::filesystem::path& file) {
    if (value_or_throw(needs_passphrase(file)) && !std::exchange(known_, true) &&
        !from_file_or_environment()) {
        const SilentTerminal terminal;
        text_ = terminal.ask(fmt::format("Passphrase of {}: ", file.string()));
    }
    return text_;
}

}  // namespace cipherfit
