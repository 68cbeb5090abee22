#include "cipherfit/io/bits.h"

#include "io/little_endian.h"

#include <algorithm>
#include <array>

namespace cipherfit {
namespace {

constexpr std::size_t max_count = std::size_t{1} << 57U;

std::uint64_t mask_of(unsigned width) noexcept {
    return ~std::uint64_t{0} >> (64U - width);
}

void check_size(std::size_t bytes, std::size_t count, unsigned width) {
    require(bytes == packed_bytes(count, width), ErrorCode::invalid_argument,
            "{} words of {} bits take {} bytes, not {}", count, width, packed_bytes(count, width),
            bytes);
}

}  // namespace

std::size_t packed_bytes(std::size_t count, unsigned width) {
    require(width >= 1 && width <= 64 && count <= max_count, ErrorCode::invalid_argument,
            "cannot pack {} words of {} bits; widths are 1 to 64, counts at most 2^57", count,
            width);
    // By eights: count * width itself may exceed 64 bits.
    return count / 8 * width + (count % 8 * width + 7) / 8;
}

void pack_bits(std::span<const std::uint64_t> words, unsigned width, std::span<std::uint8_t> out) {
    check_size(out.size(), words.size(), width);
    std::uint8_t* target = out.data();
    std::uint64_t pending = 0;  // bits not yet stored, `filled` < 64 of them
    unsigned filled = 0;
    std::uint64_t seen = 0;
    for (const std::uint64_t word : words) {
        seen |= word;
        pending |= word << filled;
        filled += width;
        if (filled >= 64) {
            store_le(target, pending);
            target += 8;
            filled -= 64;
            pending = filled == 0 ? 0 : word >> (width - filled);
        }
    }
    require((seen & ~mask_of(width)) == 0, ErrorCode::invalid_argument,
            "a word to be packed exceeds {} bits; reduce the words first", width);
    std::array<std::uint8_t, 8> last{};
    store_le(last.data(), pending);
    std::copy_n(last.begin(), (filled + 7) / 8, target);
}

Expected<void> unpack_bits(std::span<const std::uint8_t> bytes, unsigned width,
                           std::span<std::uint64_t> words) {
    check_size(bytes.size(), words.size(), width);
    const std::uint64_t mask = mask_of(width);
    const std::uint8_t* source = bytes.data();
    const std::uint8_t* const whole_end = source + bytes.size() / 8 * 8;
    const auto next = [&] {
        if (source != whole_end) {
            source += 8;
            return load_le<std::uint64_t>(source - 8);
        }
        std::array<std::uint8_t, 8> last{};
        std::copy_n(source, bytes.size() % 8, last.begin());
        return load_le<std::uint64_t>(last.data());
    };
    std::uint64_t pending = 0;  // bits not yet given out, `filled` < 64 of them
    unsigned filled = 0;
    for (std::uint64_t& word : words) {
        if (filled >= width) {
            word = pending & mask;
            pending >>= width % 64;
            filled -= width;
            continue;
        }
        const std::uint64_t fresh = next();
        word = (pending | fresh << filled) & mask;
        const unsigned used = width - filled;  // bits of `fresh` in this word, 1 to 64
        pending = used == 64 ? 0 : fresh >> used;
        filled = 64 - used;
    }
    if (pending != 0) {
        return make_error(ErrorCode::corrupt_data,
                          "the bits after the last of {} packed words are not zero", words.size());
    }
    return {};
}

}  // namespace cipherfit
