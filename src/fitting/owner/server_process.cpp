#include "cipherfit/fitting/owner/server_process.h"

#include "cipherfit/base/error.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/progress_text.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cipherfit {
namespace {

// What the server may know of the environment: nothing of the owner's, a passphrase least of all.
constexpr std::array passed_on{"PATH",        "LANG",          "LC_ALL",       "LD_LIBRARY_PATH",
                               "TERM",        "CIPHERFIT_ISA", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                               "LSAN_OPTIONS"};

class Arguments {
  public:
    explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {
        for (std::string& word : words_) {
            pointers_.push_back(word.data());
        }
        pointers_.push_back(nullptr);
    }
    char* const* data() const { return pointers_.data(); }

  private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

Arguments clean_environment() {
    std::vector<std::string> words;
    for (const char* name : passed_on) {
        if (const char* value = std::getenv(name); value != nullptr) {
            words.push_back(std::string(name) + "=" + value);
        }
    }
    return Arguments(std::move(words));
}

[[noreturn]] void fail(const char* what) {
    throw Error(ErrorCode::io_failure, fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void exec_child(const char* program, char* const* arguments, char* const* environment,
                             int messages, mode_t mask) {
    ::umask(mask);                       // what the server writes is no secret of the owner's
    ::setpgid(0, 0);                     // Ctrl-C reaches the parent, which passes it on
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // its checkpoint makes that harmless
    ::dup2(messages, STDERR_FILENO);
    const int null = ::open("/dev/null", O_RDWR);
    if (null >= 0) {  // else the server would have the parent's terminal
        ::dup2(null, STDIN_FILENO);
        ::dup2(null, STDOUT_FILENO);
        ::close_range(STDERR_FILENO + 1, ~0U, 0);
        static_cast<void>(::chdir("/") == 0);
        ::execve(program, arguments, environment);
    }
    constexpr std::string_view text = "cipherfit: cannot start the server's program\n";
    static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) >= 0);
    ::_exit(2);
}

// Cuts what the server writes into lines: progress, and what it has to say.
class ServerOutput {
  public:
    explicit ServerOutput(const std::function<void(const Progress&)>& progress)
        : progress_(progress) {}

    void take(std::string_view bytes) {
        pending_ += bytes;
        for (std::size_t end = pending_.find('\n'); end != std::string::npos;
             end = pending_.find('\n')) {
            line(pending_.substr(0, end));
            pending_.erase(0, end + 1);
        }
    }
    void end() {
        if (!pending_.empty()) {
            line(pending_);
        }
    }
    // The last line that was no progress, without the program's name.
    std::string message() const {
        constexpr std::string_view prefix = "cipherfit: ";
        return message_.starts_with(prefix) ? message_.substr(prefix.size()) : message_;
    }

  private:
    void line(const std::string& text) {
        if (const auto progress = decode_progress(text)) {
            progress_(*progress);
        } else if (!text.empty()) {
            message_ = text;
        }
    }
    const std::function<void(const Progress&)>& progress_;
    std::string pending_, message_;
};

void listen(int descriptor, ServerOutput& output, const std::function<void()>& idle) {
    constexpr int half_a_second = 500;
    std::array<char, 4096> buffer{};
    for (;;) {
        pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&waiting, 1, half_a_second);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            idle();
            continue;
        }
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count > 0) {
            output.take({buffer.data(), static_cast<std::size_t>(count)});
        } else if (count == 0 || errno != EINTR) {
            output.end();
            return;
        }
    }
}

int wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) {
            fail("wait for the server");
        }
    }
    return status;
}

void check_status(int status, const std::string& message) {
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        throw Error(ErrorCode::io_failure,
                    fmt::format("the server was ended by signal {}{}: give the same command again "
                                "to go on from its checkpoint",
                                signal, signal == SIGKILL ? " (perhaps for lack of memory)" : ""));
    }
    const int code = WEXITSTATUS(status);
    if (code == 0) {
        return;
    }
    const ErrorCode kind = code == exit_status(ErrorCode::interrupted) ? ErrorCode::interrupted
                           : code == exit_status(ErrorCode::internal)  ? ErrorCode::internal
                                                                       : ErrorCode::corrupt_data;
    throw Error(kind, !message.empty() ? message
                      : kind == ErrorCode::interrupted
                          ? std::string("stopped at once: give the same command again to go on "
                                        "from the last checkpoint")
                          : fmt::format("the server ended with status {}", code));
}

}  // namespace

void become_server(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                   unsigned mask) {
    std::vector<std::string> words{program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Arguments argv(std::move(words));
    const Arguments environment = clean_environment();
    ::umask(mask);
    ::execve(program.c_str(), argv.data(), environment.data());
    fail("start the server's program");
}

ServerRun run_server(const ServerCommand& command, const ServerWatch& watch) {
    const std::string program = command.program.string();
    std::vector<std::string> words{program};
    words.insert(words.end(), command.arguments.begin(), command.arguments.end());
    const Arguments argv(std::move(words));
    const Arguments environment = clean_environment();
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
        fail("make a pipe to the server");
    }
    const FileDescriptor reading(pipe[0]);
    FileDescriptor writing(pipe[1]);
    const auto start = std::chrono::steady_clock::now();
    const pid_t process = ::fork();
    if (process < 0) {
        fail("start the server");
    }
    if (process == 0) {
        exec_child(program.c_str(), argv.data(), environment.data(), writing.get(), command.mask);
    }
    writing.close();
    watch.process(process);
    ServerOutput output(watch.progress);
    listen(reading.get(), output, watch.idle);
    const int status = wait_for(process);
    watch.process(0);
    const auto spent = std::chrono::steady_clock::now() - start;
    check_status(status, output.message());
    return {std::chrono::duration<double>(spent).count()};
}

}  // namespace cipherfit
