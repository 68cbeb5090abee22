// Labels in .npy files: numbers, booleans, strings, or a 1 among zeros.
#include "cipherfit/io/npy.h"
#include "io/npy_header.h"
#include "io/text.h"

#include <algorithm>
#include <map>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t most_label_bytes = 256;

void append_utf8(std::string& text, std::uint32_t c) {
    const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6U);
        put(0x80 | (c & 0x3fU));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12U);
        put(0x80 | (c >> 6U & 0x3fU));
        put(0x80 | (c & 0x3fU));
    } else {
        put(0xf0 | (c >> 18U & 7U));
        put(0x80 | (c >> 12U & 0x3fU));
        put(0x80 | (c >> 6U & 0x3fU));
        put(0x80 | (c & 0x3fU));
    }
}

// The item without the zeros behind it, as UTF-8.
std::string item_text(const NpyHeader& header, std::span<const std::uint8_t> item) {
    std::string text;
    if (header.type == NpyType::bytes) {
        text.assign(item.begin(), item.end());
        text.resize(text.find_last_not_of('\0') + 1);
        return text;
    }
    for (std::size_t i = 0; i + 4 <= item.size(); i += 4) {
        std::uint32_t c = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            c = c << 8U | item[i + (header.big_endian ? k : 3 - k)];
        }
        append_utf8(text, std::min<std::uint32_t>(c, 0x110000));  // refused below if no character
    }
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
}

NpyLabels with_sorted_names(const std::map<std::string, int>& classes, std::vector<int> labels) {
    NpyLabels result;
    std::vector<int> place(classes.size());
    for (const auto& [name, index] : classes) {
        place[static_cast<std::size_t>(index)] = static_cast<int>(result.classes.size());
        result.classes.push_back(name);
    }
    for (int& label : labels) {
        label = place[static_cast<std::size_t>(label)];
    }
    result.labels = std::move(labels);
    return result;
}

Expected<NpyLabels> read_strings(ByteSource& source, const NpyHeader& header) {
    constexpr std::size_t piece_bytes = std::size_t{1} << 20U;
    const std::size_t in_piece = std::max<std::size_t>(1, piece_bytes / header.item_bytes);
    std::map<std::string, int> classes;
    std::vector<int> labels;
    std::vector<std::uint8_t> piece;
    for (std::uint64_t first = 0; first < header.rows; first += in_piece) {
        const std::uint64_t count = std::min<std::uint64_t>(in_piece, header.rows - first);
        piece.resize(count * header.item_bytes);
        if (auto done = source.read_at(header.data_offset + first * header.item_bytes, piece);
            !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            std::string text = item_text(
                header, std::span(piece).subspan(i * header.item_bytes, header.item_bytes));
            if (text.empty() || text.size() > most_label_bytes || !is_printable(text)) {
                return make_error(ErrorCode::bad_input, "{}: row {}: the label '{}' {}",
                                  source.name(), first + i + 1, quotable(text),
                                  text.empty() ? "is empty; remove the row"
                                               : "is no text in UTF-8 of at most 256 bytes; rename "
                                                 "the class");
            }
            const int next = static_cast<int>(classes.size());
            labels.push_back(classes.emplace(std::move(text), next).first->second);
        }
    }
    return with_sorted_names(classes, std::move(labels));
}

// The place of the one in each row of zeros.
Expected<std::vector<std::int64_t>> from_one_hot(const RowMatrix& rows, const std::string& file) {
    std::vector<std::int64_t> labels;
    labels.reserve(static_cast<std::size_t>(rows.rows()));
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        Eigen::Index place = 0;
        if (rows.row(i).maxCoeff(&place) != 1.0 || rows.row(i).cwiseAbs().sum() != 1.0) {
            return make_error(ErrorCode::bad_input,
                              "{}: row {} of {} columns is not a 1 among zeros; give one integer a "
                              "row, or such rows",
                              file, i + 1, rows.cols());
        }
        labels.push_back(place);
    }
    return labels;
}

Expected<std::vector<std::int64_t>> read_numbers(ByteSource& source, const NpyHeader& header) {
    if (header.columns == 1) {
        return read_npy_integers(source);
    }
    const auto rows = read_npy_matrix(source);
    if (!rows) {
        return tl::unexpected<ErrorInfo>(rows.error());
    }
    return from_one_hot(*rows, source.name());
}

}  // namespace

Expected<NpyLabels> read_npy_labels(ByteSource& source) {
    const auto header = read_npy_header(source, 2, true);
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    if (header->type == NpyType::unicode || header->type == NpyType::bytes) {
        if (header->columns != 1) {
            return make_error(ErrorCode::bad_input,
                              "{}: has {} columns of text where one label per row is expected",
                              source.name(), header->columns);
        }
        return read_strings(source, *header);
    }
    const auto numbers = read_numbers(source, *header);
    if (!numbers) {
        return tl::unexpected<ErrorInfo>(numbers.error());
    }
    std::vector<std::int64_t> classes = *numbers;
    std::ranges::sort(classes);
    const auto repeated = std::ranges::unique(classes);
    classes.erase(repeated.begin(), repeated.end());
    NpyLabels result;
    result.labels.reserve(numbers->size());
    for (const std::int64_t label : *numbers) {
        const auto place = std::ranges::lower_bound(classes, label) - classes.begin();
        result.labels.push_back(static_cast<int>(place));
    }
    const bool boolean = header->type == NpyType::boolean && header->columns == 1;
    for (const std::int64_t label : classes) {
        result.classes.push_back(!boolean ? std::to_string(label) : label == 0 ? "False" : "True");
    }
    return result;
}

}  // namespace cipherfit
