#include "cipherfit/io/table.h"
#include "io/text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace cipherfit {
namespace {

std::string describe(const TableEncoding& table, std::size_t column) {
    const std::string& name = table.columns[column].name;
    return name.empty() ? fmt::format("feature {}", column + 1)
                        : fmt::format("column '{}'", quotable(name));
}

std::vector<double> present(const RowMatrix& rows, std::size_t column) {
    std::vector<double> values;
    for (const double value : rows.col(static_cast<Eigen::Index>(column))) {
        if (!std::isnan(value)) {
            values.push_back(value);
        }
    }
    return values;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) {
        return *middle;
    }
    return 0.5 * *std::max_element(values.begin(), middle) + 0.5 * *middle;
}

// Summed in shares, so that large values do not overflow.
double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) {
        sum += value / static_cast<double>(values.size());
    }
    return sum;
}

// Leaves the categories that occur, and fills with the most frequent one, the first of equals.
Expected<void> fit_text(const std::string& file, const std::string& name,
                        const std::vector<double>& values, Impute impute, TableColumn& column) {
    std::vector<std::size_t> counts(column.categories.size());
    for (const double value : values) {
        ++counts[static_cast<std::size_t>(value)];
    }
    std::vector<std::string> kept;
    std::size_t most = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] == 0) {
            continue;
        }
        if (impute != Impute::none && counts[i] > most) {
            most = counts[i];
            column.fill = static_cast<double>(kept.size());
        }
        kept.push_back(std::move(column.categories[i]));
    }
    column.categories = std::move(kept);
    const std::size_t size = column.categories.size();
    if (size > most_categories || (size > 20 && 2 * size > values.size())) {
        return make_error(ErrorCode::bad_input,
                          "{}: {} has {} different texts in {} rows, as names or numbers of rows "
                          "have; leave the column out",
                          file, name, size, values.size());
    }
    return {};
}

}  // namespace

bool TableEncoding::is_identity() const noexcept {
    return std::ranges::none_of(columns,
                                [](const auto& c) { return c.is_text() || c.fill.has_value(); });
}

std::size_t TableEncoding::feature_count() const noexcept {
    std::size_t count = 0;
    for (const TableColumn& column : columns) {
        count += column.is_text() ? column.categories.size() : 1;
    }
    return count;
}

std::vector<std::string> TableEncoding::feature_names() const {
    std::vector<std::string> names;
    const bool any_text = std::ranges::any_of(columns, &TableColumn::is_text);
    if (!has_names() && !any_text) {
        return names;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::string name =
            columns[i].name.empty() ? fmt::format("column {}", i + 1) : columns[i].name;
        if (!columns[i].is_text()) {
            names.push_back(name);
        }
        for (const std::string& category : columns[i].categories) {
            names.push_back(fmt::format("{}={}", name, category));
        }
    }
    return names;
}

Expected<TableEncoding> fit_encoding(const std::string& file, const RowMatrix& rows,
                                     const TableEncoding& columns, Impute impute) {
    TableEncoding encoding = columns;
    for (std::size_t i = 0; i < encoding.columns.size(); ++i) {
        TableColumn& column = encoding.columns[i];
        if (!column.is_text() && impute == Impute::none) {
            continue;
        }
        const std::vector<double> values = present(rows, i);
        if (values.empty()) {
            return make_error(ErrorCode::bad_input,
                              "{}: {} has no value in any training row; leave the column out", file,
                              describe(encoding, i));
        }
        if (column.is_text()) {
            const std::string name = describe(encoding, i);
            if (auto done = fit_text(file, name, values, impute, column); !done) {
                return tl::unexpected<ErrorInfo>(done.error());
            }
        } else {
            column.fill = impute == Impute::mean ? mean(values) : median(values);
        }
    }
    return encoding;
}

namespace {

// For every category of `from`, its index in `to`, or -1.
std::vector<double> translation(const TableColumn& from, const TableColumn& to) {
    std::vector<double> indices;
    for (const std::string& category : from.categories) {
        const auto found = std::ranges::lower_bound(to.categories, category);
        indices.push_back(found != to.categories.end() && *found == category
                              ? static_cast<double>(found - to.categories.begin())
                              : -1);
    }
    return indices;
}

}  // namespace

Expected<EncodedRows> encode_table(const std::string& file, RowMatrix rows,
                                   const TableEncoding& columns, const TableEncoding& encoding) {
    EncodedRows result;
    result.unknown.assign(encoding.columns.size(), 0);
    if (encoding.columns.size() != static_cast<std::size_t>(rows.cols()) ||
        columns.columns.size() != encoding.columns.size()) {
        return make_error(ErrorCode::bad_input,
                          "{}: has {} features, the model was trained on {}: give data of the same "
                          "kind",
                          file, rows.cols(), encoding.columns.size());
    }
    if (encoding.is_identity() && rows.allFinite() &&
        std::ranges::none_of(columns.columns, &TableColumn::is_text)) {
        result.features = std::move(rows);
        return result;
    }
    result.features.setZero(rows.rows(), static_cast<Eigen::Index>(encoding.feature_count()));
    Eigen::Index feature = 0;
    for (std::size_t i = 0; i < encoding.columns.size(); ++i) {
        const TableColumn& column = encoding.columns[i];
        if (column.is_text() != columns.columns[i].is_text()) {
            return make_error(ErrorCode::bad_input,
                              "{}: {} {}: give data with the columns of the training rows", file,
                              describe(encoding, i),
                              column.is_text() ? "held text in the training rows and has none here"
                                               : "holds text and had none in the training rows");
        }
        const auto indices = translation(columns.columns[i], column);
        for (Eigen::Index row = 0; row < rows.rows(); ++row) {
            double value = rows(row, static_cast<Eigen::Index>(i));
            const bool is_missing = std::isnan(value);
            if (is_missing && !column.fill) {
                return make_error(
                    ErrorCode::bad_input,
                    "{}: row {}, {}: is missing; remove the row, or train a model that "
                    "can fill missing values",
                    file, row + 1, describe(encoding, i));
            }
            if (is_missing) {
                value = *column.fill;
            } else if (column.is_text() && value >= 0) {
                value = indices[static_cast<std::size_t>(value)];
            }
            if (column.is_text() && value >= 0) {
                result.features(row, feature + static_cast<Eigen::Index>(value)) = 1;
            } else if (column.is_text()) {
                ++result.unknown[i];
            } else {
                result.features(row, feature) = value;
            }
        }
        feature += column.is_text() ? static_cast<Eigen::Index>(column.categories.size()) : 1;
    }
    return result;
}

}  // namespace cipherfit
