#include "io/csv_columns.h"

#include "io/csv_fields.h"
#include "io/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace cipherfit {
namespace {

using Names = std::vector<std::string>;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool names_a_label(const std::string& name) {
    constexpr std::array<std::string_view, 6> words{"label",   "labels", "class",
                                                    "classes", "target", "y"};
    return std::ranges::find(words, lower(name)) != words.end();
}

// "" and what pandas makes of it; R calls it rownames or leaves it empty.
bool names_an_index(const std::string& name) {
    const std::string text = lower(name);
    return text.empty() || text.starts_with("unnamed: ") || text == "index" || text == "rownames";
}

Expected<Names> names_in_header(const std::string& file, std::string_view record, char delimiter) {
    Names names;
    CsvFields fields(record, delimiter);
    CsvField field;
    std::map<std::string, std::size_t> seen;
    while (fields.next(field)) {
        names.emplace_back(trim_blanks(field.text));
        if (!is_printable(names.back()) || names.back().size() > 256) {
            return make_error(ErrorCode::bad_input,
                              "{}: the name of column {}, '{}', is no text in UTF-8 of at most 256 "
                              "bytes; save the file as UTF-8, or rename the column",
                              file, names.size(), quotable(names.back()));
        }
        const auto [place, is_new] = seen.emplace(names.back(), names.size());
        if (!is_new && !names.back().empty()) {
            return make_error(ErrorCode::bad_input,
                              "{}: columns {} and {} are both called '{}'; rename one", file,
                              place->second, names.size(), quotable(names.back()));
        }
    }
    return names;
}

// The place, from 0, of a column that an option names.
Expected<std::size_t> find_column(const std::string& file, const std::string& text,
                                  const Names& names, std::size_t count, const char* remedy) {
    const auto found = std::ranges::find(names, text);
    if (found != names.end()) {
        return static_cast<std::size_t>(found - names.begin());
    }
    if (text == "first" || text == "last") {
        return text == "first" ? 0 : count - 1;
    }
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number >= 1 &&
        number <= count) {
        return number - 1;
    }
    return make_error(ErrorCode::bad_input, "{}: has no column '{}'; {} by {}a number from 1 to {}",
                      file, quotable(text), remedy, names.empty() ? "" : "a name of the header or ",
                      count);
}

// Whether the record has the names of all columns that the model was trained on.
bool names_columns_of(const TableEncoding* model, std::string_view record, char delimiter) {
    if (model == nullptr || !model->has_names()) {
        return false;
    }
    std::set<std::string, std::less<>> found;
    CsvFields fields(record, delimiter);
    CsvField field;
    while (fields.next(field)) {
        found.emplace(trim_blanks(field.text));
    }
    return std::ranges::all_of(
        model->columns, [&](const TableColumn& column) { return found.contains(column.name); });
}

class LayoutBuilder {
  public:
    LayoutBuilder(const std::string& file, bool labelled, const TableOptions& options,
                  const TableEncoding* model, std::size_t count, Names names)
        : file_(file), labelled_(labelled), options_(options), model_(model), count_(count) {
        layout_.has_header = !names.empty();
        layout_.names = std::move(names);
        layout_.roles.resize(count);
        by_name_ = model != nullptr && model->has_names() && layout_.has_header;
    }

    Expected<CsvLayout> build() {
        for (const auto step : {&LayoutBuilder::place_label, &LayoutBuilder::place_dropped,
                                &LayoutBuilder::place_features}) {
            if (auto done = (this->*step)(); !done) {
                return tl::unexpected<ErrorInfo>(done.error());
            }
        }
        return std::move(layout_);
    }

  private:
    Expected<void> place_label() {
        if (!labelled_) {
            return {};
        }
        auto place = label_place();
        if (!place) {
            return tl::unexpected<ErrorInfo>(place.error());
        }
        layout_.roles[*place].use = CsvUse::label;
        layout_.label = *place + 1;
        layout_.table.label_place = *place + 1;
        layout_.table.label = layout_.has_header ? layout_.names[*place] : std::string();
        return {};
    }

    Expected<std::size_t> label_place() const {
        if (!options_.label.empty()) {
            return find_column(file_, options_.label, layout_.names, count_,
                               "name the label's column");
        }
        if (by_name_ && !model_->label.empty()) {
            const auto found = std::ranges::find(layout_.names, model_->label);
            if (found == layout_.names.end()) {
                return make_error(ErrorCode::bad_input,
                                  "{}: has no column '{}', where the labels of the training rows "
                                  "were; name the label's column, or read the rows as unlabelled",
                                  file_, quotable(model_->label));
            }
            return static_cast<std::size_t>(found - layout_.names.begin());
        }
        if (model_ != nullptr && model_->label_place != 0 && !layout_.has_header) {
            return std::min(model_->label_place, count_) - 1;
        }
        return default_label();
    }

    Expected<std::size_t> default_label() const {
        if (!layout_.has_header || names_a_label(layout_.names.front())) {
            return 0;
        }
        const auto other = std::ranges::find_if(layout_.names, names_a_label);
        if (other != layout_.names.end()) {
            return make_error(ErrorCode::bad_input,
                              "{}: the label would be column 1 ('{}'), but column {} is called "
                              "'{}'; name the label's column, '{}' or 1",
                              file_, quotable(layout_.names.front()),
                              other - layout_.names.begin() + 1, quotable(*other),
                              quotable(*other));
        }
        if (names_an_index(layout_.names.front()) && count_ > 2) {
            return make_error(ErrorCode::bad_input,
                              "{}: column 1 ('{}') looks like an index of the rows, as pandas "
                              "writes it, and not like the label; leave out the index and name "
                              "the label",
                              file_, quotable(layout_.names.front()));
        }
        return 0;
    }

    Expected<void> drop(const std::string& text, bool must_exist) {
        auto place =
            find_column(file_, text, layout_.names, count_, "name the columns to leave out");
        if (!place) {
            return must_exist ? Expected<void>(tl::unexpected<ErrorInfo>(place.error()))
                              : Expected<void>();
        }
        if (layout_.roles[*place].use == CsvUse::label) {
            return must_exist ? Expected<void>(make_error(
                                    ErrorCode::bad_input,
                                    "{}: column {} is the label's and cannot be left out; name "
                                    "the label's column",
                                    file_, *place + 1))
                              : Expected<void>();
        }
        layout_.roles[*place].use = CsvUse::ignored;
        return {};
    }

    Expected<void> place_dropped() {
        for (const std::string& text : options_.drop) {
            if (auto done = drop(text, true); !done) {
                return done;
            }
        }
        // What the model's owner left out is known by name, or by place in a file of one layout.
        if (model_ != nullptr && options_.drop.empty() &&
            (by_name_ || (labelled_ && !layout_.has_header))) {
            for (const std::string& text : model_->dropped) {
                if (by_name_ && std::ranges::find(layout_.names, text) == layout_.names.end()) {
                    continue;
                }
                if (auto done = drop(text, false); !done) {
                    return done;
                }
            }
        }
        for (std::size_t i = 0; i < count_; ++i) {
            if (layout_.roles[i].use == CsvUse::ignored) {
                layout_.table.dropped.push_back(layout_.has_header && !layout_.names[i].empty()
                                                    ? layout_.names[i]
                                                    : std::to_string(i + 1));
            }
        }
        return {};
    }

    Expected<void> place_features() {
        if (model_ != nullptr) {
            return by_name_ ? place_by_name() : place_by_position();
        }
        for (std::size_t i = 0; i < count_; ++i) {
            CsvRole& role = layout_.roles[i];
            if (role.use != CsvUse::number) {
                continue;
            }
            const std::string name = layout_.has_header ? layout_.names[i] : std::string();
            if (layout_.has_header &&
                ((i == 0 && name.empty()) || lower(name).starts_with("unnamed: "))) {
                return make_error(ErrorCode::bad_input,
                                  "{}: column {} ('{}') looks like an index of the rows, as pandas "
                                  "writes it; leave out the index",
                                  file_, i + 1, quotable(name));
            }
            role.target = static_cast<std::uint32_t>(layout_.table.columns.size());
            layout_.table.columns.push_back({name, {}, {}});
            // A name for every column, so that none counts as nameless.
            if (layout_.has_header && name.empty()) {
                layout_.table.columns.back().name = fmt::format("column {}", i + 1);
            }
        }
        for (const std::string& text : options_.categorical) {
            auto place =
                find_column(file_, text, layout_.names, count_, "name the columns to encode");
            if (!place) {
                return tl::unexpected<ErrorInfo>(place.error());
            }
            if (layout_.roles[*place].use != CsvUse::number) {
                return make_error(ErrorCode::bad_input,
                                  "{}: {} is no feature and cannot be encoded; leave it out of "
                                  "the columns to encode",
                                  file_, layout_.describe(*place + 1));
            }
            layout_.roles[*place].use = CsvUse::text;
        }
        return {};
    }

    CsvUse use_of(const TableColumn& column) const {
        return column.is_text() ? CsvUse::text : CsvUse::number;
    }

    Expected<void> place_by_name() {
        std::map<std::string_view, std::uint32_t> features;
        for (const TableColumn& column : model_->columns) {
            features.emplace(column.name, static_cast<std::uint32_t>(features.size()));
        }
        std::vector<bool> found(features.size());
        for (std::size_t i = 0; i < count_; ++i) {
            CsvRole& role = layout_.roles[i];
            if (role.use != CsvUse::number) {
                continue;
            }
            const std::string name =
                layout_.names[i].empty() ? fmt::format("column {}", i + 1) : layout_.names[i];
            const auto feature = features.find(name);
            if (feature != features.end()) {
                role = {use_of(model_->columns[feature->second]), feature->second};
                found[feature->second] = true;
            } else if (!labelled_ && name == model_->label) {
                role.use = CsvUse::ignored;
            } else {
                return make_error(ErrorCode::bad_input,
                                  "{}: {} is none of the columns that the model was trained on; "
                                  "leave the column out",
                                  file_, layout_.describe(i + 1));
            }
        }
        const auto absent = std::ranges::find(found, false);
        if (absent != found.end()) {
            const auto feature = static_cast<std::size_t>(absent - found.begin());
            return make_error(ErrorCode::bad_input,
                              "{}: has no column '{}', which the model was trained on; give data "
                              "with the columns of the training rows",
                              file_, quotable(model_->columns[feature].name));
        }
        layout_.table.columns = model_->columns;
        return {};
    }

    Expected<void> place_by_position() {
        std::size_t feature = 0;
        for (CsvRole& role : layout_.roles) {
            if (role.use == CsvUse::number) {
                if (feature < model_->columns.size()) {
                    role = {use_of(model_->columns[feature]), static_cast<std::uint32_t>(feature)};
                }
                ++feature;
            }
        }
        if (feature != model_->columns.size()) {
            return make_error(ErrorCode::bad_input,
                              "{}: has {} features, the model was trained on {}: {}", file_,
                              feature, model_->columns.size(),
                              !labelled_ && feature == model_->columns.size() + 1
                                  ? "read the rows as labelled if one of the columns is the label"
                                  : "give data of the same kind");
        }
        layout_.table.columns = model_->columns;
        return {};
    }

    const std::string& file_;
    bool labelled_;
    const TableOptions& options_;
    const TableEncoding* model_;
    std::size_t count_;
    bool by_name_ = false;
    CsvLayout layout_;
};

}  // namespace

std::string CsvLayout::describe(std::size_t column) const {
    return column <= names.size() && !names[column - 1].empty()
               ? fmt::format("column {} ('{}')", column, quotable(names[column - 1]))
               : fmt::format("column {}", column);
}

Expected<CsvLayout> csv_layout(const std::string& file, std::string_view first,
                               std::optional<std::string_view> second, char delimiter,
                               bool labelled, const TableOptions& options,
                               const TableEncoding* model) {
    constexpr std::uint64_t most_columns = 1U << 21U;
    const std::uint64_t count = count_fields(first, delimiter);
    if (count > most_columns) {
        return make_error(ErrorCode::bad_input, "{}: has {} columns; at most {} are read", file,
                          count, most_columns);
    }
    if (labelled && count == 1) {
        return make_error(ErrorCode::bad_input,
                          "{}: row 1 has one column; give a label and the features, separated by "
                          "commas, semicolons or tabs",
                          file);
    }
    const auto has_header =
        options.header == TableHeader::detect && names_columns_of(model, first, delimiter)
            ? Expected<bool>(true)
            : is_csv_header(file, first, second, delimiter, options.header);
    if (!has_header) {
        return tl::unexpected<ErrorInfo>(has_header.error());
    }
    auto names = *has_header ? names_in_header(file, first, delimiter) : Expected<Names>(Names());
    if (!names) {
        return tl::unexpected<ErrorInfo>(names.error());
    }
    auto layout = LayoutBuilder(file, labelled, options, model, count, std::move(*names)).build();
    if (layout && layout->table.columns.empty()) {
        return make_error(ErrorCode::bad_input,
                          "{}: has no features beside the label and the columns that are left out",
                          file);
    }
    return layout;
}

}  // namespace cipherfit
