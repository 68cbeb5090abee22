#include "io/csv_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <vector>

namespace cipherfit {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_missing(std::string_view text) noexcept {
    constexpr std::array<std::string_view, 10> words{"",    "?",    "NA",   "N/A", "NaN",
                                                     "nan", "null", "NULL", "n/a", "None"};
    return text.size() <= 4 && std::ranges::find(words, text) != words.end();
}

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

}  // namespace

std::string_view trim_blanks(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

CsvValue parse_value(const CsvField& field, double& value) noexcept {
    if (parse_small_integer(field.text, value)) {
        return CsvValue::number;
    }
    std::string_view text = trim_blanks(field.text);
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') {
        text.remove_prefix(1);
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
        return is_missing(text) && !(field.quoted && !text.empty()) ? CsvValue::missing
                                                                    : CsvValue::text;
    }
    if (error == std::errc::result_out_of_range) {
        return CsvValue::out_of_range;
    }
    if (std::isnan(value)) {
        return field.quoted ? CsvValue::text : CsvValue::missing;
    }
    return std::isfinite(value) ? CsvValue::number : CsvValue::not_finite;
}

bool CsvFields::next_quoted(CsvField& field) {
    const std::size_t open = rest_.find('"');
    std::string_view rest = rest_.substr(open + 1);
    unquoted_.clear();
    std::string_view text;
    for (;;) {
        const std::size_t quote = rest.find('"');
        const std::string_view part = rest.substr(0, quote);
        const bool ends = quote == std::string_view::npos;  // the record reader closes them all
        rest.remove_prefix(ends ? rest.size() : quote + 1);
        const bool doubled = !ends && !rest.empty() && rest.front() == '"';
        if (!doubled && unquoted_.empty()) {
            text = part;  // as it lies in the record
            break;
        }
        unquoted_ += part;
        if (!doubled) {
            text = unquoted_;
            break;
        }
        unquoted_ += '"';
        rest.remove_prefix(1);
    }
    const std::size_t end = rest.find(delimiter_);
    malformed_ = malformed_ || !trim_blanks(rest.substr(0, end)).empty();
    done_ = end == std::string_view::npos;
    rest_ = done_ ? std::string_view() : rest.substr(end + 1);
    field = {text, true};
    return true;
}

std::uint64_t count_fields(std::string_view record, char delimiter) {
    CsvFields fields(record, delimiter);
    CsvField field;
    std::uint64_t count = 0;
    while (fields.next(field)) {
        ++count;
    }
    return count;
}

void QuoteState::feed(std::string_view line) noexcept {
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (inside_) {
            if (c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
                ++i;
            } else if (c == '"') {
                inside_ = false;
            }
        } else if (c == delimiter_) {
            start_ = true;
            ++delimiters_;
        } else if (c == '"' && start_) {
            inside_ = true;
            start_ = false;
        } else if (!is_blank(c)) {
            start_ = false;
        }
    }
}

Expected<std::optional<std::string_view>> RecordReader::next() {
    auto line = lines_.next();
    if (!line || !*line) {
        return line;
    }
    line_ = lines_.line();
    std::string_view text = **line;
    if (line_ == 1 && text.starts_with(byte_order_mark)) {
        text.remove_prefix(byte_order_mark.size());
    }
    return text.find('"') == std::string_view::npos ? text : next_quoted(text);
}

Expected<std::optional<std::string_view>> RecordReader::next_quoted(std::string_view first) {
    QuoteState quotes(delimiter_);
    quotes.feed(first);
    if (!quotes.open()) {
        return first;
    }
    joined_ = first;
    while (quotes.open()) {
        auto line = lines_.next();
        if (!line) {
            return line;
        }
        if (!*line || joined_.size() + (*line)->size() >= LineReader::max_line_bytes) {
            return make_error(ErrorCode::bad_input,
                              "{}: row {}: a quote opens that nothing closes; double the quotes "
                              "inside a field, or remove it",
                              source_->name(), line_);
        }
        quotes.feed(**line);
        joined_ += '\n';
        joined_ += **line;
    }
    return std::string_view(joined_);
}

namespace {

// Delimiters in the records at the beginning of the text; the last record may be cut off.
std::vector<std::uint64_t> count_delimiters(std::string_view text, char delimiter,
                                            std::size_t most) {
    std::vector<std::uint64_t> counts;
    QuoteState quotes(delimiter);
    while (!text.empty() && counts.size() < most) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        line.remove_suffix(line.ends_with('\r') ? 1 : 0);
        if (!quotes.open() && trim_blanks(line).empty()) {
            continue;
        }
        quotes.feed(line);
        if (!quotes.open() || text.empty()) {
            counts.push_back(quotes.delimiters());
            quotes.end_record();
        }
    }
    return counts;
}

}  // namespace

Expected<char> detect_delimiter(ByteSource& source) {
    constexpr std::uint64_t sample_bytes = 1U << 16U;
    constexpr std::size_t sample_records = 10;
    std::vector<std::uint8_t> bytes(std::min<std::uint64_t>(source.size(), sample_bytes));
    if (auto done = source.read_at(0, bytes); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() < source.size() && text.rfind('\n') != std::string_view::npos) {
        text = text.substr(0, text.rfind('\n') + 1);  // whole lines, where there is one
    }
    char most_frequent = ',';
    std::uint64_t most = 0;
    for (const char candidate : {'\t', ';', ','}) {
        const auto counts = count_delimiters(text, candidate, sample_records);
        if (counts.empty()) {
            continue;
        }
        if (counts.front() > 0 &&
            std::ranges::all_of(counts, [&](auto n) { return n == counts.front(); })) {
            return candidate;
        }
        if (counts.front() > most) {
            most = counts.front();
            most_frequent = candidate;
        }
    }
    return most_frequent;
}

}  // namespace cipherfit
