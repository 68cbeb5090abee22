// Starting the server: a process of its own, with an environment and descriptors that hold nothing
// of the owner's.
#pragma once

#include "cipherfit/protocol/observer.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cipherfit {

// The program cipherfit-server that lies beside this one. Throws Error(io_failure).
std::filesystem::path server_program();

// Replaces this process by the server. Returns never; throws Error(io_failure).
[[noreturn]] void become_server(const std::vector<std::string>& arguments);

struct ServerRun {
    double seconds = 0;  // from its start to its end
};

// Runs the server on a job directory and waits. Signals to this process go on to it. `idle` is
// called twice a second while nothing is heard. Throws Error: what the server said, with the code
// of its exit status, or that it was killed. `more`: further options of the program.
ServerRun run_server(const std::filesystem::path& job, unsigned threads,
                     const std::vector<std::string>& more,
                     const std::function<void(const Progress&)>& progress,
                     const std::function<void()>& idle);

}  // namespace cipherfit
