#include "cipherfit/io/npy.h"

#include "cipherfit/io/file.h"
#include "io/little_endian.h"
#include "io/npy_header.h"
#include "io/with_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t piece_items = std::size_t{1} << 16U;
constexpr double largest_exact_integer = 9007199254740992.0;  // 2^53

template <class T>
std::make_signed_t<T> as_signed(T value) noexcept {
    return static_cast<std::make_signed_t<T>>(value);
}

// IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
float half_to_float(std::uint16_t bits) noexcept {
    const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
    const int exponent = (bits >> 10U) & 0x1fU;
    const auto fraction = static_cast<float>(bits & 0x3ffU);
    if (exponent == 0x1f) {
        return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                             : std::numeric_limits<float>::quiet_NaN();
    }
    return sign * (exponent == 0 ? std::ldexp(fraction, -24)
                                 : std::ldexp(1024.0F + fraction, exponent - 25));
}

// Calls f(item) with the item as the type that the file has it in; the item is little-endian.
template <class F>
bool convert_item(NpyType type, unsigned bytes, const std::uint8_t* item, F&& f) {
    const bool is_signed = type == NpyType::signed_integer;
    if (type == NpyType::floating) {
        return bytes == 2   ? f(half_to_float(load_le<std::uint16_t>(item)))
               : bytes == 4 ? f(std::bit_cast<float>(load_le<std::uint32_t>(item)))
                            : f(std::bit_cast<double>(load_le<std::uint64_t>(item)));
    }
    switch (bytes) {
        case 1:
            return is_signed && *item >= 128 ? f(int{*item} - 256) : f(*item);
        case 2:
            return is_signed ? f(as_signed(load_le<std::uint16_t>(item)))
                             : f(load_le<std::uint16_t>(item));
        case 4:
            return is_signed ? f(as_signed(load_le<std::uint32_t>(item)))
                             : f(load_le<std::uint32_t>(item));
        default:
            return is_signed ? f(as_signed(load_le<std::uint64_t>(item)))
                             : f(load_le<std::uint64_t>(item));
    }
}

// Calls f(row, column, value) for every item in the order of the file; stops where f gives false,
// which is the item that the message (`complaint`) is about.
template <class F>
Expected<void> for_each_item(ByteSource& source, const NpyHeader& header,
                             std::string_view complaint, F&& f) {
    const std::uint64_t items = header.rows * header.columns;
    std::vector<std::uint8_t> piece(std::min<std::uint64_t>(items, piece_items) *
                                    header.item_bytes);
    std::uint64_t row = 0;
    std::uint64_t column = 0;
    for (std::uint64_t first = 0; first < items; first += piece_items) {
        const std::uint64_t count = std::min<std::uint64_t>(items - first, piece_items);
        const auto bytes = std::span(piece).first(count * header.item_bytes);
        const std::uint64_t offset = header.data_offset + first * header.item_bytes;
        if (auto done = source.read_at(offset, bytes); !done) {
            return done;
        }
        if (header.big_endian) {
            for (std::uint64_t i = 0; i < count; ++i) {
                std::ranges::reverse(bytes.subspan(i * header.item_bytes, header.item_bytes));
            }
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            const bool accepted =
                convert_item(header.type, header.item_bytes, bytes.data() + i * header.item_bytes,
                             [&](auto value) { return f(row, column, value); });
            if (!accepted) {
                return make_error(ErrorCode::bad_input, "{}: row {}, column {}: {}", source.name(),
                                  row + 1, column + 1, complaint);
            }
            std::uint64_t& fast = header.fortran_order ? row : column;
            if (++fast == (header.fortran_order ? header.rows : header.columns)) {
                fast = 0;
                ++(header.fortran_order ? column : row);
            }
        }
    }
    return {};
}

// The value as a 64-bit integer; false where it is none.
template <class T>
bool to_integer(T value, std::int64_t& result) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        const auto wide = static_cast<double>(value);
        if (!(std::abs(wide) < largest_exact_integer) || std::trunc(wide) != wide) {
            return false;
        }
        result = static_cast<std::int64_t>(wide);
        return true;
    } else {
        result = static_cast<std::int64_t>(value);
        return std::in_range<std::int64_t>(value);
    }
}

Expected<void> write_array(const std::filesystem::path& path, std::string_view descr,
                           const std::string& shape, std::span<const std::uint8_t> data,
                           AtomicFileOptions options = {}) {
    auto file = AtomicFile::create(path, options);
    if (!file) {
        return tl::unexpected<ErrorInfo>(file.error());
    }
    const std::string header = npy_header_bytes(descr, shape);
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(header.data()), header.size());
    if (auto done = file->write(bytes); !done) {
        return done;
    }
    if (auto done = file->write(data); !done) {
        return done;
    }
    return file->commit();
}

template <class T>
std::span<const std::uint8_t> bytes_of(const T* values, std::size_t count) noexcept {
    static_assert(std::endian::native == std::endian::little, "items are written as they lie");
    return {reinterpret_cast<const std::uint8_t*>(values), count * sizeof(T)};
}

template <class M>
Expected<void> write_matrix(const std::filesystem::path& path, std::string_view descr,
                            const M& values, AtomicFileOptions options = {}) {
    return write_array(path, descr, fmt::format("({}, {})", values.rows(), values.cols()),
                       bytes_of(values.data(), static_cast<std::size_t>(values.size())), options);
}

template <class T>
Expected<void> write_vector(const std::filesystem::path& path, std::string_view descr,
                            std::span<const T> values) {
    return write_array(path, descr, fmt::format("({},)", values.size()),
                       bytes_of(values.data(), values.size()));
}

}  // namespace

Expected<RowMatrix> read_npy_matrix(ByteSource& source, bool allow_missing) {
    const auto header = read_npy_header(source);
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    RowMatrix result(static_cast<Eigen::Index>(header->rows),
                     static_cast<Eigen::Index>(header->columns));
    const auto done = for_each_item(
        source, *header, "the value is not finite; remove the row or replace the value",
        [&](std::uint64_t row, std::uint64_t column, auto value) {
            const auto wide = static_cast<double>(value);
            result.data()[row * header->columns + column] = wide;
            return std::isfinite(wide) || (allow_missing && std::isnan(wide));
        });
    if (!done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return result;
}

Expected<std::vector<std::int64_t>> read_npy_integers(ByteSource& source) {
    const auto header = read_npy_header(source);
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    if (header->columns != 1) {
        return make_error(ErrorCode::bad_input,
                          "{}: has {} columns where one integer per row is expected", source.name(),
                          header->columns);
    }
    std::vector<std::int64_t> result(header->rows);
    const auto done = for_each_item(source, *header, "the value is no integer of 64 bits",
                                    [&](std::uint64_t row, std::uint64_t /*column*/, auto value) {
                                        return to_integer(value, result[row]);
                                    });
    if (!done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return result;
}

Expected<RowMatrix> read_npy_matrix(const std::filesystem::path& path) {
    return with_file(path, [](ByteSource& source) { return read_npy_matrix(source); });
}

Expected<std::vector<std::int64_t>> read_npy_integers(const std::filesystem::path& path) {
    return with_file(path, [](ByteSource& source) { return read_npy_integers(source); });
}

Expected<void> write_npy(const std::filesystem::path& path, const RowMatrix& values,
                         unsigned mode) {
    return write_matrix(path, "<f8", values, {.mode = mode});
}

Expected<void> write_npy(const std::filesystem::path& path, const RowMatrix& values,
                         const AtomicFileOptions& options) {
    return write_matrix(path, "<f8", values, options);
}

Expected<void> write_npy(const std::filesystem::path& path, const RowMatrixF32& values) {
    return write_matrix(path, "<f4", values);
}

Expected<void> write_npy(const std::filesystem::path& path, const RowMatrixI64& values) {
    return write_matrix(path, "<i8", values);
}

Expected<void> write_npy(const std::filesystem::path& path, std::span<const double> values) {
    return write_vector(path, "<f8", values);
}

Expected<void> write_npy(const std::filesystem::path& path, std::span<const std::int64_t> values) {
    return write_vector(path, "<i8", values);
}

}  // namespace cipherfit
