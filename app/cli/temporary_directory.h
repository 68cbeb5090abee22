// A directory for files that are not kept.
#pragma once

#include "cipherfit/io/file.h"

#include <filesystem>

namespace cipherfit {

// A new directory among the system's temporary files, or in $TMPDIR, for the user alone; removed
// with all that is in it. Locked while it is in use, by which the next one recognises those whose
// process was killed, and removes them.
class TemporaryDirectory {
  public:
    TemporaryDirectory();  // throws Error(io_failure)
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
    FileDescriptor lock_;
};

}  // namespace cipherfit
