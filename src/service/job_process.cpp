#include "service/job_process.h"

#include "cipherfit/protocol/progress_text.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace cipherfit::service {
namespace {

// A line is shorter; what is longer is cut.
constexpr std::size_t longest_words = 4096;
constexpr int most_reads = 64;

// Nothing of the service's environment but what decides how the work is done.
std::vector<std::string> job_environment() {
    std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LANG=C"};
    for (const char* name :
         {"CIPHERFIT_ISA", "CIPHERFIT_TEST_PARAMETERS", "ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
        if (const char* value = std::getenv(name); value != nullptr) {
            environment.push_back(std::string(name) + "=" + value);
        }
    }
    return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

struct SpawnSetting {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    SpawnSetting() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSetting() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSetting(const SpawnSetting&) = delete;
    SpawnSetting& operator=(const SpawnSetting&) = delete;
};

}  // namespace

JobProcess::JobProcess(const JobRecord& job, const std::filesystem::path& directory,
                       const Settings& settings, unsigned threads, std::uint64_t memory_limit) {
    std::array<int, 2> ends{};
    require(::pipe2(ends.data(), O_CLOEXEC) == 0, ErrorCode::io_failure, "no pipe is left: {}",
            std::strerror(errno));
    errors_ = FileDescriptor(ends[0]);
    FileDescriptor said(ends[1]);
    static_cast<void>(::fcntl(errors_.get(), F_SETFL, O_NONBLOCK));

    std::vector<std::string> arguments = settings.arguments({.directory = directory,
                                                             .memory_bytes = memory_limit,
                                                             .file_bytes = job.cost.disk_bytes * 2,
                                                             .threads = threads,
                                                             .parent = ::getpid(),
                                                             .choices = job.choices});
    arguments.insert(arguments.begin(), settings.program.string());
    std::vector<std::string> environment = job_environment();
    SpawnSetting setting;
    posix_spawn_file_actions_addopen(&setting.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&setting.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&setting.actions, said.get(), STDERR_FILENO);
    posix_spawn_file_actions_addchdir_np(&setting.actions, "/");
    sigset_t none{}, all{};
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&setting.attributes, &none);
    posix_spawnattr_setsigdefault(&setting.attributes, &all);
    // A group of its own: a Ctrl-C on the service's terminal is the service's to pass on.
    posix_spawnattr_setpgroup(&setting.attributes, 0);
    posix_spawnattr_setflags(&setting.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETPGROUP);
    const int error =
        posix_spawn(&process_, settings.program.c_str(), &setting.actions, &setting.attributes,
                    pointers(arguments).data(), pointers(environment).data());
    require(error == 0, ErrorCode::io_failure, "{}: cannot be started: {}",
            settings.program.string(), std::strerror(error));
}

JobProcess::~JobProcess() {
    if (!ended_) {
        signal(SIGKILL);
        while (::waitpid(process_, &status_, 0) < 0 && errno == EINTR) {
        }
    }
}

void JobProcess::hear_line(const std::string& line,
                           const std::function<void(const Progress&)>& progress) {
    if (const auto told = decode_progress(line)) {
        progress(*told);
    } else if (!line.empty()) {
        constexpr std::string_view program = "cipherfit: ";
        last_words_ = line.starts_with(program) ? line.substr(program.size()) : line;
    }
}

void JobProcess::listen(const std::function<void(const Progress&)>& progress) {
    std::array<char, 4096> piece{};
    // One that writes without pause is heard in turns.
    for (int reads = 0; reads < most_reads; ++reads) {
        const ssize_t got = ::read(errors_.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return;
        }
        for (const char c : std::string_view(piece.data(), static_cast<std::size_t>(got))) {
            if (c == '\n') {
                hear_line(pending_, progress);
                pending_.clear();
            } else if (pending_.size() < longest_words) {
                pending_.push_back(c);
            }
        }
    }
}

bool JobProcess::ended() {
    if (!ended_) {
        siginfo_t told{};
        const auto id = static_cast<id_t>(process_);
        if (::waitid(P_PID, id, &told, WEXITED | WNOHANG | WNOWAIT) != 0 || told.si_pid == 0) {
            return false;
        }
        // Nothing of its group outlives it; its number is its own until it is waited for.
        const std::lock_guard lock(waiting_);
        static_cast<void>(::kill(-process_, SIGKILL));
        ended_ = ::waitpid(process_, &status_, WNOHANG) == process_;
    }
    return ended_;
}

void JobProcess::signal(int number) const noexcept {
    const std::lock_guard lock(waiting_);
    if (!ended_) {
        static_cast<void>(::kill(-process_, number));
        static_cast<void>(::kill(process_, number));
    }
}

std::uint64_t JobProcess::resident_bytes() const {
    std::ifstream in("/proc/" + std::to_string(process_) + "/statm");
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    in >> all >> resident;
    return in ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// The number after a name in a file of the process.
std::uint64_t JobProcess::number_in(const char* file, std::string_view name) const {
    std::ifstream in("/proc/" + std::to_string(process_) + "/" + file);
    std::uint64_t number = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(name)) {
            number = std::strtoull(line.c_str() + name.size(), nullptr, 10);
        }
    }
    return number;
}

std::uint64_t JobProcess::written_bytes() const {
    return number_in("io", "write_bytes:");
}

std::uint64_t JobProcess::threads() const {
    return number_in("status", "Threads:");
}

}  // namespace cipherfit::service
