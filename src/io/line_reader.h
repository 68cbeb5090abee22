// The lines of a byte source, one after the other.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cipherfit {

class LineReader {
  public:
    static constexpr std::size_t max_line_bytes = std::size_t{1} << 26U;

    explicit LineReader(ByteSource& source) : source_(&source) {}

    // The next line without its LF or CRLF, valid until the next call; nothing after the last.
    // bad_input for a line of max_line_bytes or more.
    Expected<std::optional<std::string_view>> next();
    // The number of the line that next() gave last, from 1.
    std::uint64_t line() const noexcept { return line_; }

  private:
    Expected<void> refill();

    ByteSource* source_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;     // of what is not yet given out
    std::size_t end_ = 0;       // of what was read
    std::uint64_t offset_ = 0;  // in the source, of end_
    std::uint64_t line_ = 0;
};

// Line ends in the source, plus one for a last line without.
Expected<std::uint64_t> count_lines(ByteSource& source);

}  // namespace cipherfit
