// Files on their way in. What came of a file lies in incoming/ and moves into the job's directory
// once its digest and its form are right; a break loses nothing that was written.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "service/records.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace cipherfit::service {

// What was made or moved in a directory is found there after a power cut.
void flush_directory(const std::filesystem::path& path);

// One file, by whoever has the newest stream of it.
class Incoming {
  public:
    // `received` bytes are at `path`, which is made if it is not there. Throws Error(io_failure).
    Incoming(std::filesystem::path path, FileRecord file);
    std::uint64_t received() const noexcept { return received_; }
    const FileRecord& file() const noexcept { return file_; }
    const std::filesystem::path& path() const noexcept { return path_; }

    // A stream begins: earlier ones are refused from now on.
    std::uint64_t take_over() noexcept { return ++stream_; }
    // Throws Refusal: aborted (another stream has taken over, or is at work), out_of_range,
    // resource_exhausted (the disk is full), internal.
    void append(std::uint64_t stream, std::uint64_t offset, std::span<const std::uint8_t> bytes);
    // Compares the digest, flushes, and calls `accept`, which takes the file from its path, in one:
    // a later stream is refused meanwhile (aborted), finds the file accepted after that, and
    // finishes without more. Throws Refusal: aborted, out_of_range if bytes are missing, data_loss,
    // after which nothing has been received. What `accept` throws goes on; after a Refusal but
    // Status::internal nothing has been received.
    void finish(std::uint64_t stream, const std::function<void()>& accept);
    // A stream compares and accepts it.
    bool is_finishing() const noexcept { return finishing_; }

  private:
    std::unique_lock<std::mutex> hold();
    void require_current(std::uint64_t stream) const;
    void hash_what_is_there();
    void compare();
    // Forgets what came.
    void drop();

    std::filesystem::path path_;
    FileRecord file_;
    std::string name_;  // for persons
    std::mutex mutex_;
    FileDescriptor descriptor_;
    std::atomic<std::uint64_t> received_{0};
    std::uint64_t hashed_ = 0;
    Sha256 hash_;
    std::atomic<std::uint64_t> stream_{0};
    std::atomic<bool> finishing_{false};
    bool accepted_ = false;
};

// Those that are open, by job and name.
class IncomingFiles {
  public:
    explicit IncomingFiles(std::filesystem::path directory);
    // A path of each name and digest: what replaces an upload has another one.
    std::filesystem::path path(const std::string& job, const FileRecord& file) const;
    // The one of that file; `afresh` or if size or digest differ, it is made new and replaces an
    // earlier one. Throws Refusal(aborted) if that one is being accepted.
    std::shared_ptr<Incoming> open(const std::string& job, const FileRecord& file, bool afresh);
    std::uint64_t received(const std::string& job, const FileRecord& file) const;
    void close(const std::string& job, const std::string& name);
    void close_all(const std::string& job);
    // Drops what other clients have sent in the place of a post that was accepted.
    void drop_parts(const std::string& job, const std::string& name);
    // Forgets one.
    void drop(const std::string& job, const FileRecord& file);
    // When bytes of it came last; nothing if there are none.
    std::optional<std::filesystem::file_time_type> changed(const std::string& job,
                                                           const FileRecord& file) const;
    // Where the files of a job lie.
    std::filesystem::path directory(const std::string& job) const { return directory_ / job; }

  private:
    std::filesystem::path directory_;
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::shared_ptr<Incoming>> open_;
};

}  // namespace cipherfit::service
