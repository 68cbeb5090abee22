// The fields of a line of text, and the numbers in them.
#pragma once

#include "io/line_reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cipherfit {

enum class CsvValue { number, missing, text, not_finite, out_of_range };

struct CsvField {
    std::string_view text;  // without blanks around it and without quotes
    bool quoted = false;
};

// Numbers of a few digits, as pixels are, at a fraction of from_chars' price.
inline bool parse_small_integer(std::string_view text, double& value) noexcept {
    if (text.empty() || text.size() > 9) {
        return false;
    }
    std::uint32_t sum = 0;
    for (const char c : text) {
        const auto digit = static_cast<std::uint32_t>(c) - std::uint32_t{'0'};
        if (digit > 9) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    value = sum;
    return true;
}

// What the field holds; `value` is set for a number.
CsvValue parse_value(const CsvField& field, double& value) noexcept;

std::string_view trim_blanks(std::string_view text) noexcept;

// The fields of a record, one after the other; an empty record has one empty field.
class CsvFields {
  public:
    CsvFields(std::string_view record, char delimiter) noexcept
        : rest_(record),
          delimiter_(delimiter),
          has_quotes_(record.find('"') != std::string_view::npos) {}

    // False after the last. A field is valid until the next call.
    bool next(CsvField& field) {
        if (done_) {
            return false;
        }
        const std::size_t end = rest_.find(delimiter_);
        const std::string_view text = rest_.substr(0, end);
        if (has_quotes_ && trim_blanks(text).starts_with('"')) {
            return next_quoted(field);
        }
        field = {text, false};
        done_ = end == std::string_view::npos;
        rest_.remove_prefix(done_ ? rest_.size() : end + 1);
        return true;
    }
    // Whether something other than blanks followed a closing quote.
    bool malformed() const noexcept { return malformed_; }

  private:
    bool next_quoted(CsvField& field);

    std::string_view rest_;
    std::string unquoted_;
    char delimiter_;
    bool has_quotes_;
    bool done_ = false;
    bool malformed_ = false;
};

std::uint64_t count_fields(std::string_view record, char delimiter);

// Follows quotes over lines: whether a record goes on in the next line.
class QuoteState {
  public:
    explicit QuoteState(char delimiter) noexcept : delimiter_(delimiter) {}
    void feed(std::string_view line) noexcept;
    bool open() const noexcept { return inside_; }
    std::uint64_t delimiters() const noexcept { return delimiters_; }
    void end_record() noexcept { *this = QuoteState(delimiter_); }

  private:
    char delimiter_;
    bool inside_ = false;
    bool start_ = true;  // of a field: only blanks so far
    std::uint64_t delimiters_ = 0;
};

// The records of a source: lines, but for quoted fields that go over several.
class RecordReader {
  public:
    RecordReader(ByteSource& source, char delimiter)
        : source_(&source), lines_(source), delimiter_(delimiter) {}

    // Valid until the next call; nothing after the last. A byte-order mark is left out. bad_input
    // for a quote that nothing closes and for records of LineReader::max_line_bytes or more.
    Expected<std::optional<std::string_view>> next();
    // The line on which the record that next() gave begins, from 1.
    std::uint64_t line() const noexcept { return line_; }

  private:
    Expected<std::optional<std::string_view>> next_quoted(std::string_view first);

    ByteSource* source_;
    LineReader lines_;
    std::string joined_;
    char delimiter_;
    std::uint64_t line_ = 0;
};

// The one of tab, ';' and ',' by which the first lines fall into the same number of fields, two at
// least, in this order of preference; otherwise the most frequent one in the first line.
Expected<char> detect_delimiter(ByteSource& source);

}  // namespace cipherfit
