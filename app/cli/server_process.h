// Starting the server's program that lies beside this one, with this process's signals.
#pragma once

#include "cipherfit/fitting/owner/server_process.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cipherfit {

// The program cipherfit-server that lies beside this one. Throws Error(io_failure).
std::filesystem::path server_program();

// Replaces this process by the server. Returns never; throws Error(io_failure).
[[noreturn]] void become_server(const std::vector<std::string>& arguments);

// Runs the server on a job directory and waits. Signals to this process go on to it. `idle` is
// called twice a second while nothing is heard. Throws as run_server() of the library. `more`:
// further options of the program.
ServerRun run_server(const std::filesystem::path& job, unsigned threads,
                     const std::vector<std::string>& more,
                     const std::function<void(const Progress&)>& progress,
                     const std::function<void()>& idle);

}  // namespace cipherfit
