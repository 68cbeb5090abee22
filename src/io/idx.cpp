#include "cipherfit/io/idx.h"

#include "io/with_file.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace cipherfit {
namespace {

constexpr std::uint8_t unsigned_byte_type = 0x08;

std::uint32_t load_be32(const std::uint8_t* bytes) noexcept {
    return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
           std::uint32_t{bytes[2]} << 8U | std::uint32_t{bytes[3]};
}

template <std::size_t dimensions>
struct Idx {
    std::array<std::uint32_t, dimensions> shape{};
    std::vector<std::uint8_t> values;
};

// Magic 0, 0, type, number of dimensions; the dimensions, 32 bits big-endian; the values.
template <std::size_t dimensions>
Expected<Idx<dimensions>> read_idx(ByteSource& source, std::string_view content) {
    const std::string& file = source.name();
    std::array<std::uint8_t, 4 + 4 * dimensions> header{};
    const auto available =
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), header.size()));
    if (auto done = source.read_at(0, std::span(header).first(available)); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    if (header[0] == 0x1f && header[1] == 0x8b) {
        return make_error(ErrorCode::bad_input, "{}: is compressed; gunzip it first", file);
    }
    if (available < header.size() || header[0] != 0 || header[1] != 0 ||
        header[2] != unsigned_byte_type || header[3] != dimensions) {
        return make_error(ErrorCode::bad_input,
                          "{}: not an IDX file of {} (unsigned bytes, dimensions: {})", file,
                          content, dimensions);
    }
    Idx<dimensions> result;
    std::uint64_t expected = 1;
    bool fits = true;
    for (std::size_t i = 0; i < dimensions; ++i) {
        result.shape[i] = load_be32(header.data() + 4 + 4 * i);
        fits = fits && !__builtin_mul_overflow(expected, std::uint64_t{result.shape[i]}, &expected);
    }
    const std::uint64_t present = source.size() - header.size();
    if (fits && expected == 0) {
        return make_error(ErrorCode::bad_input, "{}: has no {}", file, content);
    }
    if (!fits || expected != present) {
        return make_error(ErrorCode::bad_input,
                          "{}: announces {} bytes of {} where {} are there; copy the file again",
                          file, fits ? std::to_string(expected) : std::string("over 2^64"), content,
                          present);
    }
    result.values.resize(present);
    if (auto done = source.read_at(header.size(), result.values); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return result;
}

}  // namespace

Expected<IdxImages> read_idx_images(ByteSource& source) {
    auto idx = read_idx<3>(source, "images");
    if (!idx) {
        return tl::unexpected<ErrorInfo>(idx.error());
    }
    return IdxImages{idx->shape[0], idx->shape[1], idx->shape[2], std::move(idx->values)};
}

Expected<std::vector<std::uint8_t>> read_idx_labels(ByteSource& source) {
    auto idx = read_idx<1>(source, "labels");
    if (!idx) {
        return tl::unexpected<ErrorInfo>(idx.error());
    }
    return std::move(idx->values);
}

Expected<IdxImages> read_idx_images(const std::filesystem::path& path) {
    return with_file(path, [](ByteSource& source) { return read_idx_images(source); });
}

Expected<std::vector<std::uint8_t>> read_idx_labels(const std::filesystem::path& path) {
    return with_file(path, [](ByteSource& source) { return read_idx_labels(source); });
}

}  // namespace cipherfit
