#include "cli/temporary_directory.h"

#include "cipherfit/base/error.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "cipherfit-predict-";

fs::path temporary_files() {
    std::error_code error;
    fs::path path = fs::temp_directory_path(error);
    const char* named = std::getenv("TMPDIR");
    require(!error, ErrorCode::io_failure,
            "{}: temporary files cannot be written there: {}: name a directory in the environment "
            "variable TMPDIR",
            named != nullptr ? named : "/tmp", error.message());
    return path;
}

FileDescriptor open_directory(const fs::path& path) {
    return FileDescriptor(
        ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
}

// Those of this user whose process is gone.
void remove_leftovers(const fs::path& directory) {
    std::vector<fs::path> found;
    std::error_code error;
    auto entry = fs::directory_iterator(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        if (entry->path().filename().string().starts_with(prefix)) {
            found.push_back(entry->path());
        }
    }
    for (const fs::path& path : found) {
        const FileDescriptor opened = open_directory(path);
        struct stat status{};
        if (opened.valid() && ::fstat(opened.get(), &status) == 0 && status.st_uid == ::geteuid() &&
            ::flock(opened.get(), LOCK_EX | LOCK_NB) == 0) {
            fs::remove_all(path, error);
        }
    }
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
    const fs::path directory = temporary_files();
    remove_leftovers(directory);
    for (;;) {
        std::string name = (directory / fmt::format("{}XXXXXX", prefix)).string();
        const int refusal = ::mkdtemp(name.data()) != nullptr ? 0 : errno;
        require(refusal == 0, ErrorCode::io_failure, "cannot make the directory {}: {}", name,
                std::generic_category().message(refusal));
        path_ = name;
        lock_ = open_directory(path_);
        struct stat status{};
        const bool locked = lock_.valid() && ::flock(lock_.get(), LOCK_EX) == 0;
        // Another process may have taken it for a leftover before it was locked.
        if (!locked || ::fstat(lock_.get(), &status) != 0 || status.st_nlink > 0) {
            return;
        }
    }
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

}  // namespace cipherfit
