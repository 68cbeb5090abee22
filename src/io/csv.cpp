#include "cipherfit/io/csv.h"

#include "io/csv_columns.h"
#include "io/csv_fields.h"
#include "io/csv_labels.h"
#include "io/text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t most_text_bytes = 256;
constexpr double missing_value = std::numeric_limits<double>::quiet_NaN();

// The texts of one column, by their first occurrence or, of a model's column, as they were trained.
struct Categories {
    std::map<std::string, std::uint32_t, std::less<>> numbers;
    bool open = true;  // to new ones

    double number(std::string_view text) {
        const auto found = numbers.find(text);
        if (found != numbers.end()) {
            return found->second;
        }
        if (!open) {
            return -1;
        }
        const auto next = static_cast<std::uint32_t>(numbers.size());
        numbers.emplace(text, next);
        return next;
    }
};

class CsvParser {
  public:
    CsvParser(ByteSource& source, char delimiter, CsvLayout layout, bool allow_missing,
              bool open_categories)
        : source_(source),
          records_(source, delimiter),
          layout_(std::move(layout)),
          labels_(layout_, source.name()),
          delimiter_(delimiter),
          allow_missing_(allow_missing),
          columns_(layout_.roles.size()),
          features_(layout_.table.columns.size()) {
        for (const CsvRole& role : layout_.roles) {
            if (role.use == CsvUse::text) {
                Categories& column = categories_[role.target];
                column.open = open_categories;
                for (const std::string& text : layout_.table.columns[role.target].categories) {
                    column.numbers.emplace(text, column.numbers.size());
                }
            }
        }
    }

    Expected<CsvTable> run() {
        bool header = layout_.has_header;
        for (;;) {
            auto record = records_.next();
            if (!record) {
                return tl::unexpected<ErrorInfo>(record.error());
            }
            if (!*record) {
                return finish();
            }
            if (trim_blanks(**record).empty()) {
                empty_line_ = empty_line_ == 0 ? records_.line() : empty_line_;
                continue;
            }
            if (empty_line_ != 0) {
                return make_error(ErrorCode::bad_input, "{}: row {} is empty; remove it",
                                  source_.name(), empty_line_);
            }
            if (std::exchange(header, false)) {
                continue;
            }
            if (auto done = take_row(**record); !done) {
                return tl::unexpected<ErrorInfo>(done.error());
            }
        }
    }

  private:
    // Room for all rows at once: by the lines there are, and never more than one row beyond what
    // the bytes of the file can hold, since each field takes two (a digit and a separator), or one
    // if it may be missing.
    Expected<void> allocate() {
        auto lines = count_lines(source_);
        if (!lines) {
            return tl::unexpected<ErrorInfo>(lines.error());
        }
        const bool all_there = !allow_missing_ && features_ + 1 >= columns_ &&
                               std::ranges::none_of(layout_.table.columns, [](const auto& c) {
                                   return c.fill.has_value();
                               });
        capacity_ = std::min(*lines, (source_.size() + 1) / ((all_there ? 2 : 1) * columns_) + 1);
        result_.values.resize(static_cast<Eigen::Index>(capacity_),
                              static_cast<Eigen::Index>(features_));
        return {};
    }

    tl::unexpected<ErrorInfo> ragged(std::uint64_t count) const {
        return make_error(ErrorCode::bad_input,
                          "{}: row {} has {} columns where the first row has {}", source_.name(),
                          records_.line(), count, columns_);
    }

    Expected<void> take_row(std::string_view record) {
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
        double* features = result_.values.data() + count_ * features_;
        CsvFields fields(record, delimiter_);
        CsvField field;
        std::uint64_t column = 0;
        for (; fields.next(field); ++column) {
            if (column == columns_) {
                return ragged(count_fields(record, delimiter_));
            }
            const CsvRole role = layout_.roles[column];
            if (role.use == CsvUse::number &&
                parse_small_integer(field.text, features[role.target])) {
                continue;
            }
            if (auto done = take_field(field, column, role, features); !done) {
                return done;
            }
        }
        ++count_;
        if (fields.malformed()) {
            return make_error(ErrorCode::bad_input,
                              "{}: row {}: something stands behind a closing quote; double the "
                              "quotes inside a field",
                              source_.name(), records_.line());
        }
        return column == columns_ ? Expected<void>{} : ragged(column);
    }

    Expected<void> take_field(const CsvField& field, std::uint64_t column, CsvRole role,
                              double* features) {
        if (role.use == CsvUse::ignored) {
            return {};
        }
        if (role.use == CsvUse::label) {
            return labels_.take(field, records_.line());
        }
        double& value = features[role.target];
        const CsvValue kind = parse_value(field, value);
        if (kind == CsvValue::missing && may_be_missing(role.target)) {
            value = missing_value;
            return {};
        }
        if (role.use == CsvUse::text && kind != CsvValue::missing) {
            const std::string_view text = trim_blanks(field.text);
            if (!is_printable(text) || text.size() > most_text_bytes) {
                return make_error(ErrorCode::bad_input,
                                  "{}: row {}, {}: '{}' is no text in UTF-8 of at most {} bytes; "
                                  "save the file as UTF-8 or leave the column out",
                                  source_.name(), records_.line(), layout_.describe(column + 1),
                                  quotable(text), most_text_bytes);
            }
            value = categories_.at(role.target).number(text);
            return {};
        }
        return kind == CsvValue::number ? Expected<void>{} : field_error(field, column, kind);
    }

    bool may_be_missing(std::uint32_t feature) const {
        return allow_missing_ || layout_.table.columns[feature].fill.has_value();
    }

    tl::unexpected<ErrorInfo> field_error(const CsvField& field, std::uint64_t column,
                                          CsvValue problem) const {
        const std::string_view what =
            problem == CsvValue::missing
                ? "is missing; fill missing values, correct it, or remove the row"
            : problem == CsvValue::not_finite ? "is not finite; correct it or remove the row"
            : problem == CsvValue::out_of_range
                ? "is beyond the range of a double; correct it or remove the row"
                : "is no number; correct it, or, if the column holds text, encode it, "
                  "leave it out, or name it as the label";
        return make_error(ErrorCode::bad_input, "{}: row {}, {}: '{}' {}", source_.name(),
                          records_.line(), layout_.describe(column + 1),
                          quotable(trim_blanks(field.text)), what);
    }

    Expected<CsvTable> finish() {
        if (count_ == 0) {
            return make_error(ErrorCode::bad_input, "{}: has no rows", source_.name());
        }
        result_.values.conservativeResize(static_cast<Eigen::Index>(count_), Eigen::NoChange);
        result_.table = std::move(layout_.table);
        for (auto& [feature, column] : categories_) {
            if (column.open) {
                sort_categories(feature, column);
            }
        }
        labels_.finish(result_.labels, result_.classes);
        return std::move(result_);
    }

    // The categories in ascending order, whatever the order of the rows.
    void sort_categories(std::uint32_t feature, const Categories& column) {
        std::vector<double> sorted(column.numbers.size());
        std::vector<std::string>& names = result_.table.columns[feature].categories;
        for (const auto& [text, number] : column.numbers) {
            sorted[number] = static_cast<double>(names.size());
            names.push_back(text);
        }
        for (double& value : result_.values.col(feature)) {
            value = std::isnan(value) ? value : sorted[static_cast<std::size_t>(value)];
        }
    }

    ByteSource& source_;
    RecordReader records_;
    CsvLayout layout_;
    CsvLabels labels_;
    char delimiter_;
    bool allow_missing_;          // in every column; in a model's, where it has a fill
    std::uint64_t columns_;       // of the file
    std::uint64_t features_;      // of a row of the result
    std::uint64_t capacity_ = 0;  // rows that result_.values has room for
    std::uint64_t count_ = 0;     // rows that are there
    std::uint64_t empty_line_ = 0;
    std::map<std::uint32_t, Categories> categories_;
    CsvTable result_;
};

// Turns the roles of the columns in which some field is text into text.
Expected<void> find_text_columns(ByteSource& source, char delimiter, CsvLayout& layout) {
    RecordReader records(source, delimiter);
    bool header = layout.has_header;
    for (;;) {
        auto record = records.next();
        if (!record) {
            return tl::unexpected<ErrorInfo>(record.error());
        }
        if (!*record) {
            return {};
        }
        if (std::exchange(header, false)) {
            continue;
        }
        CsvFields fields(**record, delimiter);
        CsvField field;
        for (std::size_t column = 0; column < layout.roles.size() && fields.next(field); ++column) {
            double value = 0;
            CsvUse& use = layout.roles[column].use;
            if (use == CsvUse::number && parse_value(field, value) == CsvValue::text) {
                use = CsvUse::text;
            }
        }
    }
}

Expected<CsvTable> read(ByteSource& source, bool labelled, const TableOptions& options,
                        const TableEncoding* model) {
    const auto delimiter =
        options.delimiter != 0 ? Expected<char>(options.delimiter) : detect_delimiter(source);
    if (!delimiter) {
        return tl::unexpected<ErrorInfo>(delimiter.error());
    }
    RecordReader records(source, *delimiter);
    std::optional<std::string_view> next;
    do {
        auto record = records.next();
        if (!record) {
            return tl::unexpected<ErrorInfo>(record.error());
        }
        next = *record;
    } while (next && trim_blanks(*next).empty());
    if (!next) {
        return make_error(ErrorCode::bad_input, "{}: has no rows", source.name());
    }
    if (records.line() > 1) {
        return make_error(ErrorCode::bad_input, "{}: row 1 is empty; remove it", source.name());
    }
    const std::string first(*next);
    auto second = records.next();
    if (!second) {
        return tl::unexpected<ErrorInfo>(second.error());
    }
    auto layout = csv_layout(source.name(), first, *second, *delimiter, labelled, options, model);
    if (!layout) {
        return tl::unexpected<ErrorInfo>(layout.error());
    }
    if (options.one_hot && model == nullptr) {
        if (auto done = find_text_columns(source, *delimiter, *layout); !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
    }
    const bool allow_missing = model == nullptr && options.impute != Impute::none;
    return CsvParser(source, *delimiter, std::move(*layout), allow_missing, model == nullptr).run();
}

}  // namespace

Expected<CsvTable> read_csv(ByteSource& source, const TableOptions& options,
                            const TableEncoding* model) {
    return read(source, true, options, model);
}

Expected<CsvTable> read_csv_unlabelled(ByteSource& source, const TableOptions& options,
                                       const TableEncoding* model) {
    return read(source, false, options, model);
}

}  // namespace cipherfit
