// The server's work on a charter's directory: several owners.
#pragma once

#include "common/program.h"

#include <filesystem>

namespace cipherfit {

struct JointServerOptions {
    std::filesystem::path directory;
    RunOptions run;
    double wait_seconds = 0;
};

// Whether the directory is one of a charter.
bool is_charter_directory(const std::filesystem::path& directory);

// Aggregates and trains once all uploads are there, and publishes the result. Throws Error.
void serve_charter(const JointServerOptions& options);

}  // namespace cipherfit
