// Where bytes come from and go to: files (cipherfit/io/file.h) or memory, so that every parser also
// runs on bytes that never touched a disk.
#pragma once

#include "cipherfit/base/error.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {

// Bytes of known length, read by position. Implementations never throw on account of the bytes.
class ByteSource {
  public:
    virtual ~ByteSource() = default;
    // What error messages call it: the file's path.
    virtual const std::string& name() const noexcept = 0;
    virtual std::uint64_t size() const noexcept = 0;
    // Fills `out` from byte `offset` on; the whole of it or an error. corrupt_data when the range
    // ends beyond the last byte, io_failure when the system cannot read.
    virtual Expected<void> read_at(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
};

// Bytes written from the first to the last, which take effect at commit() alone.
class ByteSink {
  public:
    virtual ~ByteSink() = default;
    virtual const std::string& name() const noexcept = 0;
    // Bytes taken so far, for showing progress.
    virtual std::uint64_t bytes_written() const noexcept = 0;
    virtual Expected<void> write(std::span<const std::uint8_t> bytes) = 0;
    // Call once. Nothing may be written afterwards.
    virtual Expected<void> commit() = 0;
};

// A view of memory that the caller keeps alive.
class MemorySource final : public ByteSource {
  public:
    explicit MemorySource(std::span<const std::uint8_t> bytes, std::string name = "memory")
        : bytes_(bytes), name_(std::move(name)) {}
    const std::string& name() const noexcept override { return name_; }
    std::uint64_t size() const noexcept override { return bytes_.size(); }
    Expected<void> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;

  private:
    std::span<const std::uint8_t> bytes_;
    std::string name_;
};

// Appends to a vector of the caller's, which gets its bytes at commit().
class MemorySink final : public ByteSink {
  public:
    explicit MemorySink(std::vector<std::uint8_t>& target, std::string name = "memory")
        : target_(&target), name_(std::move(name)) {}
    const std::string& name() const noexcept override { return name_; }
    std::uint64_t bytes_written() const noexcept override { return pending_.size(); }
    Expected<void> write(std::span<const std::uint8_t> bytes) override;
    Expected<void> commit() override;

  private:
    std::vector<std::uint8_t>* target_;
    std::vector<std::uint8_t> pending_;
    std::string name_;
};

}  // namespace cipherfit
