// What a job's process gives up before it reads a byte of its owner's: more memory than its plan
// predicts, the network, other processes, and every file but those of its job.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cipherfit::service {

struct Confinement {
    std::filesystem::path directory;  // the only one that it may write to
    std::uint64_t memory_bytes = 0;   // of writable memory; 0: no limit
    std::uint64_t file_bytes = 0;     // of each file; 0: no limit
    int parent = 0;                   // dies with it; 0: does not
};

// Does what the kernel has, and returns the names of what it has not: "network namespace",
// "capabilities" (they stay), "landlock" or "landlock truncate" (below its third version a file
// that may be read can be opened to be emptied), "seccomp". Call it before there is a second
// thread. Throws Error(io_failure) where a limit cannot be set, or where the parent is gone
// already.
std::vector<std::string> confine(const Confinement& confinement);

// What confine() would return, found out by a process that is confined to the directory and ends.
// Call it before there is a second thread. Throws Error: io_failure if that cannot be found out,
// bad_input if such a process could not read the directory, which is another user's.
std::vector<std::string> lacking_confinement(const std::filesystem::path& directory);

}  // namespace cipherfit::service
