#include "cli/server_process.h"

#include "cipherfit/base/error.h"
#include "cli/owner_files.h"
#include "common/signals.h"

#include <system_error>
#include <unistd.h>

namespace cipherfit {

std::filesystem::path server_program() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto program = self.parent_path() / "cipherfit-server";
    require(!error && ::access(program.c_str(), X_OK) == 0, ErrorCode::io_failure,
            "{}: there is no server program beside cipherfit: build or install both",
            program.string());
    return program;
}

void become_server(const std::vector<std::string>& arguments) {
    become_server(server_program(), arguments, callers_umask());
}

ServerRun run_server(const std::filesystem::path& job, unsigned threads,
                     const std::vector<std::string>& more,
                     const std::function<void(const Progress&)>& progress,
                     const std::function<void()>& idle) {
    ServerCommand command{server_program(),
                          {std::filesystem::absolute(job).string(), "--threads",
                           std::to_string(threads), "--machine-progress"},
                          callers_umask()};
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    return run_server(command, {progress, idle, [](int process) { forward_signals_to(process); }});
}

}  // namespace cipherfit
