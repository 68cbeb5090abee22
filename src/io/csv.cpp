#include "cipherfit/io/csv.h"

#include "io/line_reader.h"
#include "io/text.h"
#include "io/with_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr double max_exact_integer = 9007199254740992.0;  // 2^53

enum class Field { number, empty, text, not_finite, out_of_range };

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// Numbers of a few digits, as pixels are, at a fraction of from_chars' price.
bool parse_small_integer(std::string_view text, double& value) noexcept {
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

Field parse(std::string_view text, double& value) noexcept {
    if (parse_small_integer(text, value)) {
        return Field::number;
    }
    text = trim(text);
    if (text.empty()) {
        return Field::empty;
    }
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') {
        text.remove_prefix(1);
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
        return Field::text;
    }
    if (error == std::errc::result_out_of_range) {
        return Field::out_of_range;
    }
    return std::isfinite(value) ? Field::number : Field::not_finite;
}

// The fields of a line, one after the other; an empty line has one empty field.
class Fields {
  public:
    explicit Fields(std::string_view line) noexcept : rest_(line) {}
    bool next(std::string_view& field) noexcept {
        if (done_) {
            return false;
        }
        const std::size_t comma = rest_.find(',');
        field = rest_.substr(0, comma);
        done_ = comma == std::string_view::npos;
        rest_.remove_prefix(done_ ? rest_.size() : comma + 1);
        return true;
    }

  private:
    std::string_view rest_;
    bool done_ = false;
};

std::uint64_t count_fields(std::string_view line) noexcept {
    return static_cast<std::uint64_t>(std::ranges::count(line, ',')) + 1;
}

bool is_header(std::string_view line) noexcept {
    Fields fields(line);
    std::string_view field;
    double value = 0;
    fields.next(field);
    const Field first = parse(field, value);
    if (first != Field::text && first != Field::empty) {
        return false;
    }
    std::uint64_t count = 0;
    std::uint64_t numbers = 0;
    double offset = 0;
    bool consecutive = true;
    for (; fields.next(field); ++count) {
        if (parse(field, value) != Field::number) {
            continue;
        }
        offset = count == 0 ? value : offset;
        consecutive = consecutive && value - static_cast<double>(count) == offset;
        ++numbers;
    }
    return numbers == 0 || (numbers == count && consecutive && (offset == 0 || offset == 1));
}

tl::unexpected<ErrorInfo> field_error(const std::string& file, std::uint64_t line,
                                      std::uint64_t column, Field problem, std::string_view text) {
    const std::string_view what = problem == Field::empty        ? "is empty"
                                  : problem == Field::not_finite ? "is not finite"
                                  : problem == Field::out_of_range
                                      ? "is beyond the range of a double"
                                      : "is no number";
    return make_error(ErrorCode::bad_input,
                      "{}: row {}, column {}: '{}' {}; correct it or remove "
                      "the row",
                      file, line, column, quotable(trim(text)), what);
}

class CsvParser {
  public:
    CsvParser(ByteSource& source, bool labelled)
        : source_(source), lines_(source), labels_(labelled ? 1 : 0) {}

    Expected<LabelledRows> run() {
        for (;;) {
            auto line = lines_.next();
            if (!line) {
                return tl::unexpected<ErrorInfo>(line.error());
            }
            const std::optional<std::string_view> text = *line;
            if (!text) {
                return finish();
            }
            if (auto done = take_line(*text); !done) {
                return tl::unexpected<ErrorInfo>(done.error());
            }
        }
    }

  private:
    Expected<void> take_line(std::string_view line) {
        const bool first = lines_.line() == 1;
        if (first && line.starts_with(byte_order_mark)) {
            line.remove_prefix(byte_order_mark.size());
        }
        if (trim(line).empty()) {
            empty_line_ = empty_line_ == 0 ? lines_.line() : empty_line_;
            return {};
        }
        if (empty_line_ != 0) {
            return make_error(ErrorCode::bad_input, "{}: row {} is empty; remove it",
                              source_.name(), empty_line_);
        }
        if (columns_ == 0) {
            if (auto done = set_columns(line); !done) {
                return done;
            }
            if (is_header(line)) {
                return {};
            }
        }
        return take_row(line);
    }

    Expected<void> set_columns(std::string_view line) {
        columns_ = count_fields(line);
        if (columns_ == labels_) {
            return make_error(ErrorCode::bad_input,
                              "{}: row {} has no comma; give a label and the features, separated "
                              "by commas",
                              source_.name(), lines_.line());
        }
        return {};
    }

    // Room for all rows at once: by the lines there are, and never more than one row beyond what
    // the bytes of the file can hold, since each field takes two (a digit and a separator).
    Expected<void> allocate() {
        auto lines = count_lines(source_);
        if (!lines) {
            return tl::unexpected<ErrorInfo>(lines.error());
        }
        capacity_ = std::min(*lines, (source_.size() + 1) / (2 * columns_) + 1);
        rows_.features.resize(static_cast<Eigen::Index>(capacity_),
                              static_cast<Eigen::Index>(columns_ - labels_));
        rows_.labels.reserve(labels_ * capacity_);
        return {};
    }

    tl::unexpected<ErrorInfo> ragged(std::uint64_t count) const {
        return make_error(ErrorCode::bad_input,
                          "{}: row {} has {} columns where the first row has {}", source_.name(),
                          lines_.line(), count, columns_);
    }

    Expected<void> take_row(std::string_view line) {
        if (capacity_ == 0) {
            if (auto done = allocate(); !done) {
                return done;
            }
        }
        // Every line was counted, unless somebody else writes to the file meanwhile.
        if (count_ == capacity_) {
            return make_error(ErrorCode::io_failure, "{}: changed while it was read; try again",
                              source_.name());
        }
        double* features = rows_.features.data() + count_ * (columns_ - labels_);
        Fields fields(line);
        std::string_view field;
        std::uint64_t column = 0;
        for (; fields.next(field); ++column) {
            double value = 0;
            if (column == columns_) {
                return ragged(count_fields(line));
            }
            const Field kind = parse(field, value);
            if (kind != Field::number) {
                return field_error(source_.name(), lines_.line(), column + 1, kind, field);
            }
            if (column >= labels_) {
                features[column - labels_] = value;
                continue;
            }
            if (!(std::abs(value) < max_exact_integer) || std::trunc(value) != value) {
                return make_error(ErrorCode::bad_input,
                                  "{}: row {}, column 1: the label '{}' is no integer class; put "
                                  "the label first",
                                  source_.name(), lines_.line(), quotable(trim(field)));
            }
            rows_.labels.push_back(static_cast<std::int64_t>(value));
        }
        ++count_;
        return column == columns_ ? Expected<void>{} : ragged(column);
    }

    Expected<LabelledRows> finish() {
        if (count_ == 0) {
            return make_error(ErrorCode::bad_input, "{}: has no rows", source_.name());
        }
        rows_.features.conservativeResize(static_cast<Eigen::Index>(count_), Eigen::NoChange);
        return std::move(rows_);
    }

    ByteSource& source_;
    LineReader lines_;
    std::uint64_t labels_ = 1;    // columns of labels, the first ones: 1 or none
    std::uint64_t columns_ = 0;   // label and features; 0 before the first line
    std::uint64_t capacity_ = 0;  // rows that rows_.features has room for
    std::uint64_t count_ = 0;     // rows that are there
    std::uint64_t empty_line_ = 0;
    LabelledRows rows_;
};

}  // namespace

Expected<LabelledRows> read_csv(ByteSource& source) {
    return CsvParser(source, true).run();
}

Expected<RowMatrix> read_csv_unlabelled(ByteSource& source) {
    auto rows = CsvParser(source, false).run();
    if (!rows) {
        return tl::unexpected<ErrorInfo>(rows.error());
    }
    return std::move(rows->features);
}

Expected<LabelledRows> read_csv(const std::filesystem::path& path) {
    return with_file(path, [](ByteSource& source) { return read_csv(source); });
}

}  // namespace cipherfit
