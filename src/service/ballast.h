// A file that takes room on the disk until the room is needed: to delete jobs where it is full.
#pragma once

#include "cipherfit/io/file.h"

#include <atomic>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <system_error>

namespace cipherfit::service {

class Ballast {
  public:
    static constexpr std::uint64_t bytes = std::uint64_t{8} << 20U;

    // Gives the room back at once if so many free bytes are too few.
    Ballast(std::filesystem::path file, std::uint64_t free) : file_(std::move(file)) {
        release_if(free);
    }

    // Takes the room, if it has not got it yet.
    void take() const {
        std::error_code error;
        if (is_full_ && std::filesystem::file_size(file_, error) == bytes && !error) {
            return;
        }
        const FileDescriptor file(
            ::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!file.valid() || ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)) != 0) {
            release();
            return;
        }
        is_full_ = true;
    }
    void release_if(std::uint64_t free) const {
        if (free < 2 * bytes) {
            release();
        }
    }

  private:
    void release() const {
        is_full_ = false;
        std::error_code ignored;
        std::filesystem::remove(file_, ignored);
    }

    std::filesystem::path file_;
    // That it has its blocks: one that was put back from a backup may be a file of holes.
    mutable std::atomic<bool> is_full_{false};
};

}  // namespace cipherfit::service
