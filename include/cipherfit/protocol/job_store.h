// Where the contents of a job are kept: a directory, or whatever a service keeps them in. Sessions
// and codecs read and write through it and know of no files.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Holds a job for one session; it is released on destruction.
class JobHold {
  public:
    JobHold() = default;
    virtual ~JobHold() = default;
    JobHold(const JobHold&) = delete;
    JobHold& operator=(const JobHold&) = delete;
};

// Whether that is the name of a content: up to two parts with a slash between them, each of
// lower-case letters, digits, '_' and '.', and not beginning with a '.'. At most 128 characters.
bool is_content_name(std::string_view name) noexcept;

// Contents by name, as "plan.cft" and "batches/batch_00000.cft" (job_files.h has the names). All
// functions throw Error(invalid_argument) for a name that is none. A store may be used by several
// threads at once, each of which works on contents of its own.
class JobStore {
  public:
    JobStore() = default;
    virtual ~JobStore() = default;

    virtual bool exists(std::string_view name) const = 0;
    // Opens a content. Errors: io_failure.
    virtual Expected<std::unique_ptr<ByteSource>> get(std::string_view name) const = 0;
    // Begins a content. It appears, and takes the place of an earlier one, when the sink is
    // committed, as a whole. Errors: io_failure.
    virtual Expected<std::unique_ptr<ByteSink>> put(std::string_view name) = 0;
    // Removes a content, if it is there. Errors: io_failure.
    virtual Expected<void> remove(std::string_view name) = 0;
    // Gives the bytes of a content a second name, in place of what has that name. Errors:
    // io_failure.
    virtual Expected<void> copy(std::string_view from, std::string_view to) = 0;
    // The names that begin with `prefix`, in ascending order. Errors: io_failure.
    virtual Expected<std::vector<std::string>> list(std::string_view prefix = {}) const = 0;
    // What messages call a content: a file's path.
    virtual std::string label(std::string_view name) const = 0;
    // Never waits. Errors: busy if another session holds the job, io_failure.
    virtual Expected<std::unique_ptr<JobHold>> hold() = 0;

  protected:
    JobStore(const JobStore&) = default;
    JobStore& operator=(const JobStore&) = default;
    JobStore(JobStore&&) = default;
    JobStore& operator=(JobStore&&) = default;
};

// The bytes of a content, or an error: io_failure if it is not there.
Expected<std::uint64_t> content_bytes(const JobStore& store, std::string_view name);

// A job in a directory, a file for each content. The directory must exist when it is written to;
// folders in it are made. Symbolic links are not followed on writing.
class DirectoryStore final : public JobStore {
  public:
    explicit DirectoryStore(std::filesystem::path directory);

    const std::filesystem::path& directory() const noexcept { return directory_; }
    std::filesystem::path path(std::string_view name) const;

    bool exists(std::string_view name) const override;
    Expected<std::unique_ptr<ByteSource>> get(std::string_view name) const override;
    Expected<std::unique_ptr<ByteSink>> put(std::string_view name) override;
    Expected<void> remove(std::string_view name) override;
    // A hard link where the file system has them: files are replaced and never changed.
    Expected<void> copy(std::string_view from, std::string_view to) override;
    Expected<std::vector<std::string>> list(std::string_view prefix = {}) const override;
    std::string label(std::string_view name) const override;
    // Also removes what writers that were killed have left.
    Expected<std::unique_ptr<JobHold>> hold() override;

  private:
    std::filesystem::path directory_;
};

// What a codec reads: a content that a store opened, or a file.
class ContentSource {
  public:
    // NOLINTNEXTLINE(google-explicit-constructor)
    ContentSource(const std::filesystem::path& file);
    // NOLINTNEXTLINE(google-explicit-constructor)
    ContentSource(Expected<std::unique_ptr<ByteSource>> opened) : opened_(std::move(opened)) {}
    // The opened source, or why it could not be opened. To be called once.
    Expected<std::unique_ptr<ByteSource>> take() { return std::move(opened_); }

  private:
    Expected<std::unique_ptr<ByteSource>> opened_;
};

// What a codec writes: a content that a store began, or a file.
class ContentSink {
  public:
    // NOLINTNEXTLINE(google-explicit-constructor)
    ContentSink(const std::filesystem::path& file);
    // NOLINTNEXTLINE(google-explicit-constructor)
    ContentSink(Expected<std::unique_ptr<ByteSink>> begun) : begun_(std::move(begun)) {}
    Expected<std::unique_ptr<ByteSink>> take() { return std::move(begun_); }

  private:
    Expected<std::unique_ptr<ByteSink>> begun_;
};

}  // namespace cipherfit
