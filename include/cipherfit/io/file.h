// Files of the operating system: written whole or not at all, read with bounds, and a lock for a
// directory. Every refusal of the system is an Expected error of one line with the path and the
// system's own words (io_failure). Use as in
//
//     auto file = value_or_throw(AtomicFile::create("model.cft", {.exclusive = true}));
//     if (auto done = file.write(bytes); !done) { ... }
//     if (auto done = file.commit(); !done) { ... }
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// An open file descriptor, closed on destruction. Move-only.
class FileDescriptor {
  public:
    explicit FileDescriptor(int value = -1) noexcept : value_(value) {}
    ~FileDescriptor();
    FileDescriptor(FileDescriptor&& other) noexcept;
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const noexcept { return value_; }
    bool valid() const noexcept { return value_ >= 0; }
    // Closes now; 0 or the errno, since a network file system may refuse only here.
    int close() noexcept;

  private:
    int value_;
};

struct AtomicFileOptions {
    // Refuse to replace an existing file: checked at create() and again, without a race, at
    // commit().
    bool exclusive = false;
    // Permission bits before the process's umask; 0600 for secrets.
    unsigned mode = 0644;
    // The path is one that a user gave: what it leads to is written to. Behind symbolic links a
    // regular file is replaced and the links stay; character devices, named pipes and the open
    // files of this process (/dev/stdout, /proc/self/fd/N) are written to as the bytes come, and
    // show a part of them after a failure. Without it nothing outside the directory can be reached
    // by a link that somebody else put there.
    bool named_by_user = false;
};

// A file that appears under its name complete or not at all. The bytes go to a temporary file in
// the same directory, which is flushed to the disk and renamed by commit(); the directory is
// flushed last. After any failure, and when it is destroyed uncommitted, the temporary file is
// removed and what stood under the name before is untouched. A process that is killed leaves a file
// ".cipherfit-*.tmp" behind, never a partial file under the name. A process that runs under a file
// size limit should ignore SIGXFSZ. Move-only; the buffer is wiped on destruction.
class AtomicFile final : public ByteSink {
  public:
    // The directory must exist; what is at `path` must be absent or a regular file (a symbolic link
    // is replaced, not followed, unless the path is `named_by_user`).
    static Expected<AtomicFile> create(const std::filesystem::path& path,
                                       AtomicFileOptions options = {});
    ~AtomicFile() override;
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    const std::string& name() const noexcept override { return name_; }
    std::uint64_t bytes_written() const noexcept override { return bytes_written_; }
    // The first failure removes the temporary file; every later call repeats its error.
    Expected<void> write(std::span<const std::uint8_t> bytes) override;
    Expected<void> commit() override;

  private:
    AtomicFile(const std::filesystem::path& path, AtomicFileOptions options);
    Expected<void> open_temporary();
    Expected<void> write_through(std::span<const std::uint8_t> bytes);
    Expected<void> flush_buffer();
    Expected<void> publish();
    tl::unexpected<ErrorInfo> fail(ErrorInfo error);
    void abandon() noexcept;

    std::filesystem::path path_;
    std::filesystem::path temporary_;  // empty once renamed or removed, and of what is no file
    std::string name_;
    AtomicFileOptions options_;
    FileDescriptor descriptor_;
    std::vector<std::uint8_t> buffer_;  // gathers small writes
    std::uint64_t bytes_written_ = 0;
    bool failed_ = false;
    ErrorInfo failure_;
};

// Writes `bytes` to `path` by an AtomicFile.
Expected<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes,
                          AtomicFileOptions options = {});

// Whether an AtomicFile with `named_by_user` could be written to `path`, found out by beginning
// one; what is there stays as it is. A named pipe may still be without a reader.
Expected<void> check_writable(const std::filesystem::path& path);

// Whether such a path leads to an open file of this process, as /dev/stdout and /proc/self/fd/N do;
// and whether to its standard output.
bool is_open_file(const std::filesystem::path& path);
bool is_standard_output(const std::filesystem::path& path);

// Removes the temporary files in a directory whose writers were killed; those that are being
// written stay. What cannot be removed stays too.
void remove_stale_files(const std::filesystem::path& directory);
// Whether the name is that of an AtomicFile's temporary file.
bool is_stale_file(const std::filesystem::path& path);

// A regular file opened for reading. Directories, pipes and devices are refused (io_failure).
class FileSource final : public ByteSource {
  public:
    static Expected<std::unique_ptr<FileSource>> open(const std::filesystem::path& path);
    const std::string& name() const noexcept override { return name_; }
    std::uint64_t size() const noexcept override { return size_; }
    Expected<void> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;

  private:
    FileSource(std::string name, FileDescriptor descriptor, std::uint64_t size);

    std::string name_;
    FileDescriptor descriptor_;
    std::uint64_t size_;
};

// The whole of a file that has at most `max_bytes` bytes; bad_input when it has more.
Expected<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path,
                                              std::size_t max_bytes);

// Holds a directory for one process: an advisory lock (flock) on its file ".lock", released on
// destruction or by the system when the process ends however it ends. The file stays. Move-only.
class DirectoryLock {
  public:
    // Never waits: ErrorCode::busy, with the holder's process id, while another holds it.
    static Expected<DirectoryLock> acquire(const std::filesystem::path& directory);

  private:
    explicit DirectoryLock(FileDescriptor descriptor) noexcept;

    FileDescriptor descriptor_;
};

}  // namespace cipherfit
