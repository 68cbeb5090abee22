#include "cipherfit/io/bytes.h"

#include "io/little_endian.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

namespace cipherfit {
namespace {

template <class T>
void append(std::vector<std::uint8_t>& data, T value) {
    std::array<std::uint8_t, sizeof(T)> bytes{};
    store_le(bytes.data(), value);
    data.insert(data.end(), bytes.begin(), bytes.end());
}

template <class T>
T take_integer(std::span<const std::uint8_t> bytes) noexcept {
    return bytes.empty() ? T{0} : load_le<T>(bytes.data());
}

}  // namespace

void ByteWriter::u8(std::uint8_t value) {
    data_.push_back(value);
}

void ByteWriter::u32(std::uint32_t value) {
    append(data_, value);
}

void ByteWriter::u64(std::uint64_t value) {
    append(data_, value);
}

void ByteWriter::f64(double value) {
    append(data_, std::bit_cast<std::uint64_t>(value));
}

void ByteWriter::string(std::string_view text) {
    require(text.size() <= std::numeric_limits<std::uint32_t>::max(), ErrorCode::invalid_argument,
            "a string of {} bytes is too long to store; the limit is 4294967295", text.size());
    u32(static_cast<std::uint32_t>(text.size()));
    data_.insert(data_.end(), text.begin(), text.end());
}

void ByteWriter::bytes(std::span<const std::uint8_t> data) {
    data_.insert(data_.end(), data.begin(), data.end());
}

std::span<const std::uint8_t> ByteReader::bytes(std::uint64_t length) {
    if (!ok()) {
        return {};
    }
    if (length > remaining()) {
        fail(fmt::format("{} bytes are needed and {} are left", length, remaining()));
        return {};
    }
    const auto result = data_.subspan(position_, static_cast<std::size_t>(length));
    position_ += result.size();
    return result;
}

std::uint8_t ByteReader::u8() {
    return take_integer<std::uint8_t>(bytes(1));
}

std::uint32_t ByteReader::u32() {
    return take_integer<std::uint32_t>(bytes(4));
}

std::uint64_t ByteReader::u64() {
    return take_integer<std::uint64_t>(bytes(8));
}

double ByteReader::f64() {
    return std::bit_cast<double>(u64());
}

std::string ByteReader::string(std::size_t max_length) {
    const std::uint32_t length = u32();
    if (length > max_length) {
        fail(fmt::format("a string of {} bytes exceeds the limit of {}", length, max_length));
    }
    const auto text = bytes(length);
    return {text.begin(), text.end()};
}

std::uint64_t ByteReader::count(std::uint64_t max_count, std::uint64_t item_bytes) {
    const std::uint64_t value = u64();
    const std::uint64_t limit = std::min<std::uint64_t>(max_count, remaining() / item_bytes);
    if (value > limit) {
        fail(fmt::format("{} items are announced where at most {} are possible", value, limit));
    }
    return ok() ? value : 0;
}

void ByteReader::fail(std::string reason) {
    if (ok()) {
        failure_ = reason.empty() ? std::string("a value is out of range") : std::move(reason);
        failed_at_ = position_;
    }
}

Expected<void> ByteReader::finish(std::string_view what) const {
    if (!ok()) {
        return make_error(ErrorCode::corrupt_data, "{}: {} at byte {}", what, failure_, failed_at_);
    }
    if (remaining() != 0) {
        return make_error(ErrorCode::corrupt_data, "{}: {} unexpected bytes at byte {}", what,
                          remaining(), position_);
    }
    return {};
}

}  // namespace cipherfit
