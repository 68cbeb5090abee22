// Little-endian values in byte strings: what section payloads are made of.
#pragma once

#include "cipherfit/base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Appends values to a byte string.
class ByteWriter {
  public:
    void u8(std::uint8_t value);
    void u32(std::uint32_t value);
    void u64(std::uint64_t value);
    void f64(double value);  // the bits of IEEE 754 binary64
    // A u32 length and the bytes. Throws Error (invalid_argument) from 2^32 bytes on.
    void string(std::string_view text);
    // The bytes alone: the reader must know their number.
    void bytes(std::span<const std::uint8_t> data);

    std::span<const std::uint8_t> view() const noexcept { return data_; }
    std::vector<std::uint8_t> take() noexcept { return std::move(data_); }

  private:
    std::vector<std::uint8_t> data_;
};

// Takes values from a byte string that nobody vouches for. It never throws and never reads beyond
// the end: after the first failure every getter returns zero or nothing, and finish() tells what
// failed first and where. So a parser reads all its fields and asks once:
//
//     ByteReader in(payload);
//     const std::uint32_t rows = in.u32();
//     const std::string text = in.string(64);
//     if (auto done = in.finish("model.cft: section HEAD"); !done) { return ...; }
//
// Whatever sizes an allocation must come from count(), or be checked by the caller first.
class ByteReader {
  public:
    explicit ByteReader(std::span<const std::uint8_t> data) noexcept : data_(data) {}

    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    double f64();
    // A u32 length, at most `max_length`, and the bytes.
    std::string string(std::size_t max_length);
    // The next `length` bytes, a view into the input; empty after a failure.
    std::span<const std::uint8_t> bytes(std::uint64_t length);
    // A u64 number of items of at least `item_bytes` (>= 1) bytes each, which follow: at most
    // `max_count`, and as many as the remaining bytes can hold. Safe to allocate for.
    std::uint64_t count(std::uint64_t max_count, std::uint64_t item_bytes);

    // Records a failure of the caller's own checks, in words such as "log_n 99 is out of range".
    void fail(std::string reason);
    bool ok() const noexcept { return failure_.empty(); }
    std::size_t position() const noexcept { return position_; }
    std::size_t remaining() const noexcept { return data_.size() - position_; }

    // Success when nothing failed and every byte was taken; otherwise corrupt_data with
    // "<what>: <the first failure> at byte <position>".
    Expected<void> finish(std::string_view what) const;

  private:
    std::span<const std::uint8_t> data_;
    std::size_t position_ = 0;
    std::size_t failed_at_ = 0;
    std::string failure_;
};

}  // namespace cipherfit
