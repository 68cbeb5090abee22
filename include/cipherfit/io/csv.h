// Samples as text: one per line, fields separated by commas, semicolons or tabs.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"
#include "cipherfit/io/matrix.h"
#include "cipherfit/io/table.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cipherfit {

// Rows of numbers, as encode_table() takes them: a missing value is NaN, a text column holds
// indices of its categories.
struct CsvTable {
    RowMatrix values;                  // one row per sample, at least one column
    TableEncoding table;               // its columns, without fills
    std::vector<int> labels;           // indices of class_names; none where the rows have no labels
    std::vector<std::string> classes;  // ascending: as numbers where all are whole numbers
};

// Lines end in LF or CRLF; blanks around a field, empty lines at the end and a byte-order mark at
// the beginning are skipped. A field may be quoted (RFC 4180), with "" for a quote and with line
// ends in it. Numbers are decimal ("5", "-0.25", "1e-3"). Missing are empty fields and, unless
// quoted, NA, N/A, NaN, null, None and ?. Labels are whole numbers (5.0 is 5; below 2^53) or text,
// and not both.
//
// The first line is a header where it has text in every column and the second line has not, or
// where it numbers the columns from 0 or 1 (the first field may be text then). Where both are
// plausible, the file is refused unless options.header says which it is.
//
// With a model's encoding the columns are those of the model: by name in any order where both have
// names, the model's label and dropped columns being known; otherwise by place. Without one,
// options.one_hot and options.impute allow text and missing values, which are refused otherwise.
//
// bad_input, naming file, row (the line of the file, from 1) and column (the field, from 1, and its
// name) for: rows of unequal length, text or missing values that are not allowed, infinity, numbers
// beyond the range of a double, labels that are fractions or missing, more than 2^21 columns, an
// open quote, a row of 64 MiB or more, no rows, no features; a label's column in doubt: the default
// where another column is called label, class, target or y, or where column 1 numbers the rows.
Expected<CsvTable> read_csv(ByteSource& source, const TableOptions& options = {},
                            const TableEncoding* model = nullptr);

// The same for rows without labels: every column is a feature, but for the model's label.
Expected<CsvTable> read_csv_unlabelled(ByteSource& source, const TableOptions& options = {},
                                       const TableEncoding* model = nullptr);

}  // namespace cipherfit
