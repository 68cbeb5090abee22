// The frame of a main(): options, work, and errors as one line with an exit status.
#pragma once

#include <CLI/CLI.hpp>

namespace cipherfit {

// Builds the program's options, parses the arguments, which runs the callbacks, and returns the
// exit status: 0, that of exit_status() for an Error, 2 for arguments that do not parse, 70 for
// anything else that was thrown. Every failure is one line on stderr, "cipherfit: ...".
int run_program(const char* name, void (*build)(CLI::App&), int argc, char** argv) noexcept;

// --threads and --quiet.
struct RunOptions {
    unsigned threads = 0;
    bool quiet = false;
};
void add_run_options(CLI::App& app, RunOptions& run);

}  // namespace cipherfit
