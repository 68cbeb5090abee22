#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "io/output_target.h"
#include "io/system_error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cipherfit {
namespace {

// Writes shorter than this are gathered; longer ones pass the buffer by.
constexpr std::size_t buffer_bytes = std::size_t{1} << 16U;

std::filesystem::path directory_of(const std::filesystem::path& path) {
    const std::filesystem::path directory = path.parent_path();
    return directory.empty() ? std::filesystem::path(".") : directory;
}

tl::unexpected<ErrorInfo> exists_error(const std::string& name) {
    return make_error(ErrorCode::io_failure, "{}: exists already; remove it or choose another name",
                      name);
}

// Renames without replacing; 0 or the errno.
int rename_exclusive(const char* from, const char* to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return errno;
    }
    // A file system without RENAME_NOREPLACE: a hard link refuses an existing name too.
    if (link(from, to) != 0) {
        return errno;
    }
    unlink(from);
    return 0;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    close();
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : value_(std::exchange(other.value_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        close();
        value_ = std::exchange(other.value_, -1);
    }
    return *this;
}

int FileDescriptor::close() noexcept {
    const int value = std::exchange(value_, -1);
    // Not repeated after EINTR: Linux has released the descriptor by then.
    return value >= 0 && ::close(value) != 0 && errno != EINTR ? errno : 0;
}

AtomicFile::AtomicFile(const std::filesystem::path& path, AtomicFileOptions options)
    : path_(path), name_(path.string()), options_(options) {
    buffer_.reserve(buffer_bytes);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      name_(std::move(other.name_)),
      options_(other.options_),
      descriptor_(std::move(other.descriptor_)),
      buffer_(std::move(other.buffer_)),
      bytes_written_(other.bytes_written_),
      failed_(other.failed_),
      failure_(std::move(other.failure_)) {}

AtomicFile::~AtomicFile() {
    abandon();
    secure_wipe(buffer_.data(), buffer_.size());
}

void AtomicFile::abandon() noexcept {
    descriptor_.close();
    if (!temporary_.empty()) {
        unlink(temporary_.c_str());
        temporary_.clear();
    }
}

tl::unexpected<ErrorInfo> AtomicFile::fail(ErrorInfo error) {
    abandon();
    failed_ = true;
    failure_ = std::move(error);
    return tl::unexpected<ErrorInfo>(failure_);
}

Expected<AtomicFile> AtomicFile::create(const std::filesystem::path& path,
                                        AtomicFileOptions options) {
    AtomicFile file(path, options);
    if (!path.has_filename()) {
        return make_error(ErrorCode::io_failure, "'{}': cannot write: not the name of a file",
                          file.name_);
    }
    if (options.named_by_user && !options.exclusive) {
        auto target = output_target(path);
        if (!target) {
            return tl::unexpected<ErrorInfo>(target.error());
        }
        if (target->kind != OutputTarget::Kind::file) {
            file.descriptor_ = FileDescriptor(open_target(*target));
            return file.descriptor_.valid() ? Expected<AtomicFile>(std::move(file))
                                            : system_error(file.name_, "write", errno);
        }
        file.path_ = std::move(target->path);
    }
    struct stat status{};
    if (lstat(file.path_.c_str(), &status) == 0) {
        if (options.exclusive) {
            return exists_error(file.name_);
        }
        if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
            return make_error(ErrorCode::io_failure, "{}: cannot write: not a regular file",
                              file.name_);
        }
    }
    if (auto done = file.open_temporary(); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return file;
}

Expected<void> AtomicFile::open_temporary() {
    for (;;) {
        std::array<std::uint8_t, 8> random{};
        random_bytes(random);
        const std::filesystem::path temporary =
            directory_of(path_) / fmt::format(".cipherfit-{}.tmp", to_hex(random));
        const int descriptor = retry_interrupted([&] {
            return open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                        static_cast<mode_t>(options_.mode));
        });
        if (descriptor < 0) {
            return system_error(name_, "create", errno);
        }
        descriptor_ = FileDescriptor(descriptor);
        temporary_ = temporary;
        // A file system without locks has no leftovers removed either.
        static_cast<void>(retry_interrupted([&] { return flock(descriptor, LOCK_EX); }));
        struct stat status{};
        if (fstat(descriptor, &status) != 0 || status.st_nlink > 0) {
            return {};
        }
        // Another process took it for a leftover before it was locked.
        temporary_.clear();
    }
}

Expected<void> AtomicFile::write(std::span<const std::uint8_t> bytes) {
    if (failed_) {
        return tl::unexpected<ErrorInfo>(failure_);
    }
    require(descriptor_.valid(), ErrorCode::invalid_argument,
            "{}: write() after commit(); create another AtomicFile", name_);
    bytes_written_ += bytes.size();
    if (buffer_.size() + bytes.size() > buffer_bytes) {
        if (auto done = flush_buffer(); !done) {
            return done;
        }
    }
    if (bytes.size() > buffer_bytes) {
        return write_through(bytes);
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
}

Expected<void> AtomicFile::flush_buffer() {
    auto done = write_through(buffer_);
    secure_wipe(buffer_.data(), buffer_.size());
    buffer_.clear();
    return done;
}

Expected<void> AtomicFile::write_through(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = retry_interrupted([&] {
            return ::write(descriptor_.get(), bytes.data(), std::min(bytes.size(), max_transfer));
        });
        if (count < 0 && errno == EPIPE) {  // the reader of a pipe has enough, as `head` has
            return {};
        }
        if (count < 0 && errno == EAGAIN) {  // a pipe that somebody set so
            pollfd waiting{.fd = descriptor_.get(), .events = POLLOUT, .revents = 0};
            static_cast<void>(poll(&waiting, 1, -1));
            continue;
        }
        if (count < 0) {
            return fail(system_error(name_, "write", errno).value());
        }
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return {};
}

Expected<void> AtomicFile::commit() {
    if (failed_) {
        return tl::unexpected<ErrorInfo>(failure_);
    }
    require(descriptor_.valid(), ErrorCode::invalid_argument,
            "{}: commit() a second time; create another AtomicFile", name_);
    if (auto done = flush_buffer(); !done) {
        return done;
    }
    const bool is_file = !temporary_.empty();
    if (is_file && retry_interrupted([&] { return fsync(descriptor_.get()); }) != 0) {
        return fail(system_error(name_, "flush to the disk", errno).value());
    }
    // Keeps the lock until the file has its name.
    const FileDescriptor held(is_file ? fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0) : -1);
    if (const int error = descriptor_.close(); error != 0) {
        return fail(system_error(name_, "close", error).value());
    }
    return is_file ? publish() : Expected<void>();
}

Expected<void> AtomicFile::publish() {
    if (options_.exclusive) {
        const int error = rename_exclusive(temporary_.c_str(), path_.c_str());
        if (error == EEXIST) {
            return fail(exists_error(name_).value());
        }
        if (error != 0) {
            return fail(system_error(name_, "rename into place", error).value());
        }
    } else if (rename(temporary_.c_str(), path_.c_str()) != 0) {
        return fail(system_error(name_, "rename into place", errno).value());
    }
    temporary_.clear();
    const FileDescriptor directory(retry_interrupted(
        [&] { return open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    // Some file systems cannot flush a directory (EINVAL); the rename itself is done.
    if (!directory.valid() ||
        (retry_interrupted([&] { return fsync(directory.get()); }) != 0 && errno != EINVAL)) {
        return fail(system_error(name_, "flush its directory", errno).value());
    }
    return {};
}

bool is_stale_file(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    return name.starts_with(".cipherfit-") && name.ends_with(".tmp");
}

void remove_stale_files(const std::filesystem::path& directory) {
    std::error_code error;
    auto entry = std::filesystem::directory_iterator(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::filesystem::path& path = entry->path();
        if (!is_stale_file(path)) {
            continue;
        }
        const FileDescriptor file(retry_interrupted(
            [&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }));
        struct stat status{};
        if (file.valid() && fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
            flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
            static_cast<void>(unlink(path.c_str()));
        }
    }
}

Expected<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes,
                          AtomicFileOptions options) {
    auto file = AtomicFile::create(path, options);
    if (!file) {
        return tl::unexpected<ErrorInfo>(file.error());
    }
    if (auto done = file->write(bytes); !done) {
        return done;
    }
    return file->commit();
}

}  // namespace cipherfit
