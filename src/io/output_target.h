// Where the bytes of an output go, whatever stands under its name.
#pragma once

#include "cipherfit/base/error.h"

#include <filesystem>

namespace cipherfit {

struct OutputTarget {
    enum class Kind {
        file,       // a regular file, or none yet: replaced as a whole
        device,     // a character device or a named pipe: written to
        descriptor  // an open file of this process, as /dev/stdout names it: written to
    };
    Kind kind = Kind::file;
    std::filesystem::path path;  // without symbolic links in its last name
    int descriptor = -1;
};

// Follows symbolic links, a link to nothing as well, to what an output is written to. io_failure
// for loops, directories, block devices and sockets.
Expected<OutputTarget> output_target(const std::filesystem::path& path);

// Opens a device or duplicates a descriptor for writing, or -1 with errno.
int open_target(const OutputTarget& target) noexcept;

}  // namespace cipherfit
