#include "io/line_reader.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace cipherfit {
namespace {

constexpr std::size_t read_at_once = std::size_t{1} << 18U;

}  // namespace

Expected<void> LineReader::refill() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    const std::uint64_t left = source_->size() - offset_;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, read_at_once));
    if (buffer_.size() < end_ + count) {
        buffer_.resize(std::max(end_ + count, 2 * buffer_.size()));
    }
    auto* target = reinterpret_cast<std::uint8_t*>(buffer_.data() + end_);
    if (auto done = source_->read_at(offset_, {target, count}); !done) {
        return done;
    }
    end_ += count;
    offset_ += count;
    return {};
}

Expected<std::optional<std::string_view>> LineReader::next() {
    ++line_;
    std::size_t searched = begin_;
    for (;;) {
        const char* data = buffer_.data();
        const void* found =
            end_ > searched ? std::memchr(data + searched, '\n', end_ - searched) : nullptr;
        const bool last = offset_ == source_->size();
        if (found != nullptr || (last && begin_ < end_)) {
            const auto stop = found != nullptr
                                  ? static_cast<std::size_t>(static_cast<const char*>(found) - data)
                                  : end_;
            std::string_view text(data + begin_, stop - begin_);
            begin_ = found != nullptr ? stop + 1 : end_;
            if (text.ends_with('\r')) {
                text.remove_suffix(1);
            }
            return text;
        }
        if (last) {
            return std::nullopt;
        }
        if (end_ - begin_ >= max_line_bytes) {
            return make_error(ErrorCode::bad_input,
                              "{}: row {} has more than {} bytes; is this a text file?",
                              source_->name(), line_, max_line_bytes);
        }
        searched = end_ - begin_;
        if (auto done = refill(); !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
    }
}

Expected<std::uint64_t> count_lines(ByteSource& source) {
    std::vector<std::uint8_t> piece(std::min<std::uint64_t>(source.size(), read_at_once));
    std::uint64_t lines = 0;
    for (std::uint64_t offset = 0; offset < source.size(); offset += piece.size()) {
        const auto part =
            std::span(piece).first(std::min<std::uint64_t>(source.size() - offset, piece.size()));
        if (auto done = source.read_at(offset, part); !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
        lines += static_cast<std::uint64_t>(std::ranges::count(part, std::uint8_t{'\n'}));
    }
    return lines + 1;
}

}  // namespace cipherfit
