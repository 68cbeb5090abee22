// Tables as people have them: columns with names, text and missing values, and what makes numbers
// of them. The encoding is fitted on the training rows, kept in the model, and applied to every
// later row.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/matrix.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

enum class TableHeader { detect, present, absent };

// What takes the place of missing numbers; in text columns it is the most frequent text.
enum class Impute { none, mean, median };

// How a file is to be read.
struct TableOptions {
    // The label's column: its name, its number from 1, or "last". Empty: as the model says, or the
    // first column.
    std::string label;
    std::vector<std::string> drop;  // columns that are left out, by name or number
    char delimiter = 0;             // 0: the one of ',', ';' and tab that the first lines agree on
    TableHeader header = TableHeader::detect;
    // For training rows alone: text columns become columns of 0 and 1, and so do the named ones.
    bool one_hot = false;
    std::vector<std::string> categorical;
    Impute impute = Impute::none;
};

// A column of the file. Without categories it is numeric.
struct TableColumn {
    std::string name;                     // empty where the file has no header
    std::vector<std::string> categories;  // ascending; a text column's value is an index, or -1
    std::optional<double> fill;           // in the place of a missing value; an index of a category

    bool is_text() const noexcept { return !categories.empty(); }
    bool operator==(const TableColumn&) const = default;
};

// The columns of the rows that a model is trained on, in the order of its features.
struct TableEncoding {
    std::string label;                 // name of the label's column; empty where there is no header
    std::size_t label_place = 0;       // its number in the file, from 1; 0: no label or not a table
    std::vector<std::string> dropped;  // names, or numbers where there is no header
    std::vector<TableColumn> columns;

    bool has_names() const noexcept { return !columns.empty() && !columns.front().name.empty(); }
    // Whether encode_table() leaves rows as they are.
    bool is_identity() const noexcept;
    // Columns of 0 and 1 count one by one.
    std::size_t feature_count() const noexcept;
    // feature_count() names: the column's, or column=category; empty without a header and text.
    std::vector<std::string> feature_names() const;
    bool operator==(const TableEncoding&) const = default;
};

// Categories of one column that are encoded at most: beyond, a column is a name or a number of the
// row rather than a category.
inline constexpr std::size_t most_categories = 1000;

// The encoding of the training rows: `columns` and `rows` as a reader gave them (NaN: missing; text
// columns hold indices), with the categories that occur in them and the fills. bad_input for text
// columns of one category or of more than most_categories, and for columns without any value.
Expected<TableEncoding> fit_encoding(const std::string& file, const RowMatrix& rows,
                                     const TableEncoding& columns, Impute impute);

struct EncodedRows {
    RowMatrix features;                // n x feature_count()
    std::vector<std::size_t> unknown;  // of every column, values that training did not have
};
// Rows as numbers: missing values filled, text as one 1 among zeros, or zeros alone where the text
// is unknown. `columns`: of the rows, whose categories may be others than the encoding's.
// bad_input, with row and column, for a missing value in a column without a fill.
Expected<EncodedRows> encode_table(const std::string& file, RowMatrix rows,
                                   const TableEncoding& columns, const TableEncoding& encoding);

nlohmann::json to_json(const TableEncoding& encoding);
Expected<TableEncoding> table_encoding_from_json(const nlohmann::json& json);

nlohmann::json to_json(const TableOptions& options);
Expected<TableOptions> table_options_from_json(const nlohmann::json& json);

}  // namespace cipherfit
