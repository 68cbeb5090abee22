#include "io/npy_header.h"

#include "io/little_endian.h"
#include "io/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace cipherfit {
namespace {

constexpr std::string_view npy_magic = "\x93NUMPY";
constexpr std::uint64_t max_dictionary_bytes = 1U << 16U;
constexpr std::uint64_t max_dimension = (std::uint64_t{1} << 31U) - 1;

// Walks the header's text, a Python dictionary of strings, booleans and a tuple of integers.
class DictionaryParser {
  public:
    explicit DictionaryParser(std::string_view text) : rest_(text) {}

    bool take(char expected) {
        skip_space();
        if (rest_.empty() || rest_.front() != expected) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    std::optional<std::string_view> quoted() {
        skip_space();
        if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) {
            return std::nullopt;
        }
        const std::size_t end = rest_.find(rest_.front(), 1);
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string_view text = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        return text;
    }

    std::optional<bool> boolean() {
        skip_space();
        for (const std::string_view word : {"True", "False"}) {
            if (rest_.starts_with(word)) {
                rest_.remove_prefix(word.size());
                return word == "True";
            }
        }
        return std::nullopt;
    }

    std::optional<std::uint64_t> integer() {
        skip_space();
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc{}) {
            return std::nullopt;
        }
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    bool at_end() {
        skip_space();
        return rest_.empty();
    }

  private:
    void skip_space() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size()));
    }

    std::string_view rest_;
};

struct Dictionary {
    std::optional<std::string_view> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::uint64_t>> shape;
};

std::optional<std::vector<std::uint64_t>> parse_shape(DictionaryParser& in) {
    std::vector<std::uint64_t> shape;
    if (!in.take('(')) {
        return std::nullopt;
    }
    while (!in.take(')')) {
        const auto dimension = in.integer();
        // NumPy itself stops at 32 (later 64) dimensions.
        if (!dimension || shape.size() == 64) {
            return std::nullopt;
        }
        shape.push_back(*dimension);
        if (!in.take(',')) {
            return in.take(')') ? std::optional(shape) : std::nullopt;
        }
    }
    return shape;
}

// {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }: exactly these keys, in any order.
std::optional<Dictionary> parse_dictionary(std::string_view text) {
    DictionaryParser in(text);
    Dictionary result;
    if (!in.take('{')) {
        return std::nullopt;
    }
    while (!in.take('}')) {
        const auto key = in.quoted();
        if (!key || !in.take(':')) {
            return std::nullopt;
        }
        if (key == "descr" && !result.descr) {
            result.descr =
                in.take('[') ? std::optional<std::string_view>("a structure") : in.quoted();
            if (result.descr == "a structure") {
                return result;  // nothing that follows matters: it is refused by its type
            }
        } else if (key == "fortran_order" && !result.fortran_order) {
            result.fortran_order = in.boolean();
        } else if (key == "shape" && !result.shape) {
            result.shape = parse_shape(in);
        } else {
            return std::nullopt;
        }
        if (!in.take(',')) {
            if (!in.take('}')) {
                return std::nullopt;
            }
            break;
        }
    }
    return in.at_end() ? std::optional(result) : std::nullopt;
}

// <U8 and |S8: strings of at most so many characters.
bool set_string_type(std::string_view descr, NpyHeader& header) {
    if (descr.size() < 3 || (descr[1] != 'U' && descr[1] != 'S')) {
        return false;
    }
    constexpr unsigned most_characters = 1U << 16U;
    unsigned length = 0;
    const auto [end, error] =
        std::from_chars(descr.data() + 2, descr.data() + descr.size(), length);
    if (error != std::errc{} || end != descr.data() + descr.size() || length == 0 ||
        length > most_characters) {
        return false;
    }
    header.type = descr[1] == 'U' ? NpyType::unicode : NpyType::bytes;
    header.item_bytes = descr[1] == 'U' ? 4 * length : length;
    return true;
}

Expected<void> set_type(const std::string& file, std::string_view descr, bool allow_strings,
                        NpyHeader& header) {
    struct Known {
        std::string_view descr;
        NpyType type;
        unsigned bytes;
    };
    static constexpr std::array<Known, 12> known{{
        {"b1", NpyType::boolean, 1},
        {"i1", NpyType::signed_integer, 1},
        {"i2", NpyType::signed_integer, 2},
        {"i4", NpyType::signed_integer, 4},
        {"i8", NpyType::signed_integer, 8},
        {"u1", NpyType::unsigned_integer, 1},
        {"u2", NpyType::unsigned_integer, 2},
        {"u4", NpyType::unsigned_integer, 4},
        {"u8", NpyType::unsigned_integer, 8},
        {"f2", NpyType::floating, 2},
        {"f4", NpyType::floating, 4},
        {"f8", NpyType::floating, 8},
    }};
    const std::string_view order = descr.substr(0, 1);
    header.big_endian = order == ">";
    for (const Known& candidate : known) {
        if (descr.size() == 3 && descr.substr(1) == candidate.descr &&
            (order == "<" || order == ">" || (order == "|" && candidate.bytes == 1))) {
            header.type = candidate.type;
            header.item_bytes = candidate.bytes;
            return {};
        }
    }
    const bool ordered = order == "<" || order == ">" || order == "|";
    if (ordered && allow_strings && set_string_type(descr, header)) {
        return {};
    }
    if (descr.starts_with("|O")) {
        return make_error(ErrorCode::bad_input,
                          "{}: holds Python objects (type '|O'), which are not read; save numbers, "
                          "x.astype(float), or labels as text, y.astype(str)",
                          file);
    }
    return make_error(ErrorCode::bad_input,
                      "{}: holds values of the type '{}'; save them as float64 or int64 "
                      "(x.astype('<f8'))",
                      file, quotable(descr));
}

Expected<void> set_shape(const std::string& file, const std::vector<std::uint64_t>& shape,
                         std::size_t most_dimensions, std::uint64_t data_bytes, NpyHeader& header) {
    if (shape.empty() || shape.size() > most_dimensions) {
        return make_error(ErrorCode::bad_input,
                          "{}: has {} dimensions; give one row of numbers per sample (1 or 2 "
                          "dimensions)",
                          file, shape.size());
    }
    header.shape = shape;
    header.rows = shape[0];
    header.columns = 1;
    for (std::size_t i = 1; i < shape.size() && header.columns <= max_dimension; ++i) {
        // The product of two factors of at most 2^31 cannot wrap.
        header.columns *= std::min(shape[i], max_dimension + 1);
    }
    if (header.rows > max_dimension || header.columns > max_dimension) {
        return make_error(ErrorCode::bad_input,
                          "{}: {} rows of {} columns are too many; at most {}", file, header.rows,
                          header.columns, max_dimension);
    }
    // Compared by items, since items times bytes could wrap; below 2^62 items, these cannot.
    const std::uint64_t items = header.rows * header.columns;
    if (data_bytes % header.item_bytes != 0 || data_bytes / header.item_bytes != items) {
        return make_error(
            ErrorCode::bad_input,
            "{}: {} rows of {} columns take {} items of {} bytes, but {} bytes of data "
            "are there; save the file again",
            file, header.rows, header.columns, items, header.item_bytes, data_bytes);
    }
    return {};
}

}  // namespace

Expected<NpyHeader> read_npy_header(ByteSource& source, std::size_t most_dimensions,
                                    bool allow_strings) {
    const std::string& file = source.name();
    std::array<std::uint8_t, 12> start{};
    const auto available =
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), start.size()));
    if (auto done = source.read_at(0, std::span(start).first(available)); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    if (!std::equal(npy_magic.begin(), npy_magic.end(), start.begin(),
                    [](char c, std::uint8_t b) { return static_cast<std::uint8_t>(c) == b; })) {
        return make_error(ErrorCode::bad_input, "{}: not a .npy file", file);
    }
    const unsigned version = start[6];
    if (version < 1 || version > 2) {
        return make_error(ErrorCode::bad_input,
                          "{}: .npy format version {}.{} is not supported; save the array with "
                          "numpy.save",
                          file, version, start[7]);
    }
    NpyHeader header;
    const std::uint64_t text_offset = version == 1 ? 10 : 12;
    const std::uint64_t text_bytes = version == 1 ? load_le<std::uint16_t>(start.data() + 8)
                                                  : load_le<std::uint32_t>(start.data() + 8);
    header.data_offset = text_offset + text_bytes;
    if (text_bytes > max_dictionary_bytes || header.data_offset > source.size()) {
        return make_error(ErrorCode::bad_input, "{}: the .npy header of {} bytes {}", file,
                          text_bytes,
                          text_bytes > max_dictionary_bytes ? "is too long" : "is cut off");
    }
    std::string text(text_bytes, '\0');
    if (auto done = source.read_at(text_offset,
                                   {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
        !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    const auto dictionary = parse_dictionary(text);
    if (!dictionary || !dictionary->descr) {
        return make_error(ErrorCode::bad_input, "{}: the .npy header is damaged", file);
    }
    if (auto done = set_type(file, *dictionary->descr, allow_strings, header); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    if (!dictionary->fortran_order || !dictionary->shape) {
        return make_error(ErrorCode::bad_input, "{}: the .npy header is damaged", file);
    }
    header.fortran_order = *dictionary->fortran_order;
    if (auto done = set_shape(file, *dictionary->shape, most_dimensions,
                              source.size() - header.data_offset, header);
        !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return header;
}

std::string npy_header_bytes(std::string_view descr, std::string_view shape) {
    std::string text =
        fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, shape);
    const std::size_t before = npy_magic.size() + 4;
    const std::size_t padded = (before + text.size() + 1 + 63) / 64 * 64 - before;
    text.append(padded - 1 - text.size(), ' ');
    text += '\n';
    std::array<std::uint8_t, 2> length{};
    store_le(length.data(), static_cast<std::uint16_t>(text.size()));
    std::string bytes(npy_magic);
    bytes += '\x01';
    bytes += '\x00';
    bytes.append(length.begin(), length.end());
    return bytes + text;
}

}  // namespace cipherfit
