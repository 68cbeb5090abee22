#include "cipherfit/io/file.h"

#include "io/system_error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cipherfit {
namespace {

// The process id that a holder wrote into the lock file, for a message: digits or nothing.
std::string holder(int descriptor) {
    std::array<char, 20> text{};
    const ssize_t count = pread(descriptor, text.data(), text.size(), 0);
    const std::string_view read(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    const std::string_view digits = read.substr(0, read.find_first_not_of("0123456789"));
    return digits.empty() ? std::string() : fmt::format(" (process {})", digits);
}

}  // namespace

FileSource::FileSource(std::string name, FileDescriptor descriptor, std::uint64_t size)
    : name_(std::move(name)), descriptor_(std::move(descriptor)), size_(size) {}

Expected<std::unique_ptr<FileSource>> FileSource::open(const std::filesystem::path& path) {
    const std::string name = path.string();
    // O_NONBLOCK: opening a pipe must not wait for its writer; it is refused below.
    FileDescriptor descriptor(
        retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
    if (!descriptor.valid()) {
        return system_error(name, "open", errno);
    }
    struct stat status{};
    if (fstat(descriptor.get(), &status) != 0) {
        return system_error(name, "examine", errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return make_error(ErrorCode::io_failure, "{}: cannot read: {}", name,
                          S_ISDIR(status.st_mode) ? "is a directory" : "not a regular file");
    }
    return std::unique_ptr<FileSource>(
        new FileSource(name, std::move(descriptor), static_cast<std::uint64_t>(status.st_size)));
}

Expected<void> FileSource::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
    if (offset > size_ || out.size() > size_ - offset) {
        return make_error(ErrorCode::corrupt_data, "{}: ends at byte {}, within what is being read",
                          name_, size_);
    }
    while (!out.empty()) {
        const ssize_t count = retry_interrupted([&] {
            return pread(descriptor_.get(), out.data(), std::min(out.size(), max_transfer),
                         static_cast<off_t>(offset));
        });
        if (count < 0) {
            return system_error(name_, "read", errno);
        }
        if (count == 0) {
            return make_error(ErrorCode::io_failure,
                              "{}: became shorter while it was read; write it anew", name_);
        }
        out = out.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
    return {};
}

Expected<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path,
                                              std::size_t max_bytes) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    const std::uint64_t size = (*source)->size();
    if (size > max_bytes) {
        return make_error(ErrorCode::bad_input, "{}: has {} bytes; at most {} are accepted here",
                          (*source)->name(), size, max_bytes);
    }
    std::vector<std::uint8_t> bytes(size);
    if (auto done = (*source)->read_at(0, bytes); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return bytes;
}

DirectoryLock::DirectoryLock(FileDescriptor descriptor) noexcept
    : descriptor_(std::move(descriptor)) {}

Expected<DirectoryLock> DirectoryLock::acquire(const std::filesystem::path& directory) {
    const std::filesystem::path path = directory / ".lock";
    FileDescriptor descriptor(retry_interrupted(
        [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644); }));
    if (!descriptor.valid()) {
        return system_error(path.string(), "open", errno);
    }
    if (retry_interrupted([&] { return flock(descriptor.get(), LOCK_EX | LOCK_NB); }) != 0) {
        if (errno == EWOULDBLOCK) {
            return make_error(ErrorCode::busy,
                              "{}: in use by another run{}; wait until it ends or stop it",
                              directory.string(), holder(descriptor.get()));
        }
        return system_error(path.string(), "lock", errno);
    }
    // The id serves the message above alone, so that a full disk must not refuse the lock.
    const std::string text = fmt::format("{}\n", getpid());
    if (ftruncate(descriptor.get(), 0) == 0) {
        [[maybe_unused]] const ssize_t count =
            pwrite(descriptor.get(), text.data(), text.size(), 0);
    }
    return DirectoryLock(std::move(descriptor));
}

}  // namespace cipherfit
