#include "io/output_target.h"

#include "cipherfit/io/file.h"
#include "io/system_error.h"

#include <charconv>
#include <fcntl.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;  // as many as Linux follows

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = result.ec == std::errc{} && result.ptr == text.data() + text.size();
    return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

// N where the path is /proc/PID/fd/N, or the same of a thread, of this process. Such a link has no
// path to follow: to open it again would begin to write at the start of what it is open on.
std::optional<int> own_descriptor(const fs::path& path) {
    std::error_code error;
    const fs::path directory = fs::canonical(path.parent_path(), error);
    if (error) {
        return std::nullopt;
    }
    const std::string process = "/proc/" + std::to_string(getpid());
    const std::string text = directory.string();
    const bool own = text == process + "/fd" ||
                     (text.starts_with(process + "/task/") && directory.filename() == "fd");
    return own ? number(path.filename().string()) : std::nullopt;
}

}  // namespace

Expected<OutputTarget> output_target(const fs::path& path) {
    const std::string name = path.string();
    OutputTarget target{.kind = OutputTarget::Kind::file, .path = path};
    for (int links = 0;; ++links) {
        struct stat status{};
        if (lstat(target.path.c_str(), &status) != 0) {
            return errno == ENOENT ? Expected<OutputTarget>(target)
                                   : system_error(name, "write", errno);
        }
        if (S_ISREG(status.st_mode)) {
            return target;
        }
        if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
            target.kind = OutputTarget::Kind::device;
            return target;
        }
        if (!S_ISLNK(status.st_mode)) {
            return make_error(ErrorCode::io_failure, "{}: cannot write: {}", name,
                              S_ISDIR(status.st_mode) ? "is a directory" : "not a regular file");
        }
        if (links == most_links) {
            return system_error(name, "write", ELOOP);
        }
        if (const auto descriptor = own_descriptor(target.path)) {
            target.kind = OutputTarget::Kind::descriptor;
            target.descriptor = *descriptor;
            return target;
        }
        std::error_code error;
        const fs::path next = fs::read_symlink(target.path, error);
        if (error) {
            return system_error(name, "write", error.value());
        }
        target.path = target.path.parent_path() / next;  // `next` alone where it is absolute
    }
}

int open_target(const OutputTarget& target) noexcept {
    if (target.kind == OutputTarget::Kind::descriptor) {
        const int flags = fcntl(target.descriptor, F_GETFL);
        if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) {
            errno = EBADF;
            return -1;
        }
        return fcntl(target.descriptor, F_DUPFD_CLOEXEC, 0);
    }
    return retry_interrupted(
        [&] { return open(target.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY); });
}

Expected<void> check_writable(const fs::path& path) {
    const auto target = output_target(path);
    if (!target) {
        return tl::unexpected<ErrorInfo>(target.error());
    }
    const std::string name = path.string();
    if (target->kind == OutputTarget::Kind::file) {
        // A file that its owner protects from writing is not replaced either.
        if (faccessat(AT_FDCWD, target->path.c_str(), W_OK, AT_EACCESS) != 0 && errno != ENOENT) {
            return system_error(name, "write", errno);
        }
        const auto trial = AtomicFile::create(path, {.named_by_user = true});
        return trial ? Expected<void>() : tl::unexpected<ErrorInfo>(trial.error());
    }
    struct stat status{};
    if (target->kind == OutputTarget::Kind::device && stat(target->path.c_str(), &status) == 0 &&
        S_ISFIFO(status.st_mode)) {  // to open it would wait for its reader
        return faccessat(AT_FDCWD, target->path.c_str(), W_OK, AT_EACCESS) == 0
                   ? Expected<void>()
                   : system_error(name, "write", errno);
    }
    const FileDescriptor opened(open_target(*target));
    // /dev/full says so at once.
    if (!opened.valid() || (S_ISCHR(status.st_mode) && ::write(opened.get(), "", 0) < 0)) {
        return system_error(name, "write", errno);
    }
    return {};
}

bool is_open_file(const fs::path& path) {
    const auto target = output_target(path);
    return target && target->kind == OutputTarget::Kind::descriptor;
}

bool is_standard_output(const fs::path& path) {
    const auto target = output_target(path);
    if (!target || target->kind == OutputTarget::Kind::file) {
        return false;
    }
    struct stat output{};
    struct stat status{};
    const bool known =
        fstat(STDOUT_FILENO, &output) == 0 &&
        (target->kind == OutputTarget::Kind::descriptor ? fstat(target->descriptor, &status)
                                                        : stat(target->path.c_str(), &status)) == 0;
    // /dev/null is what everybody writes to.
    return known && status.st_dev == output.st_dev && status.st_ino == output.st_ino &&
           !(S_ISCHR(status.st_mode) && target->kind == OutputTarget::Kind::device);
}

}  // namespace cipherfit
