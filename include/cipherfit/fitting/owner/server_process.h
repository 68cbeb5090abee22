// Starting the server: a process of its own, with an environment and descriptors that hold nothing
// of the owner's.
#pragma once

#include "cipherfit/protocol/observer.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cipherfit {

struct ServerCommand {
    std::filesystem::path program;
    // A job directory by its absolute path (the process starts in the root directory), and options,
    // among them the one for progress that a program reads (progress_text.h).
    std::vector<std::string> arguments;
    unsigned mask = 022;  // the umask of what the server writes
};

// What the caller hears of the process, on the thread that called. All three must be set.
struct ServerWatch {
    std::function<void(const Progress&)> progress;
    std::function<void()> idle;                // twice a second while nothing is heard
    std::function<void(int process)> process;  // its number once it runs, 0 when it has ended
};

struct ServerRun {
    double seconds = 0;  // from its start to its end
};

// Runs the server and waits. It is killed if the calling thread ends before: its checkpoint makes
// that harmless. Throws Error: what the server said, with the code of its exit status, or that it
// was killed.
ServerRun run_server(const ServerCommand& command, const ServerWatch& watch);

// Replaces this process by the server. Returns never; throws Error(io_failure).
[[noreturn]] void become_server(const std::filesystem::path& program,
                                const std::vector<std::string>& arguments, unsigned mask);

}  // namespace cipherfit
