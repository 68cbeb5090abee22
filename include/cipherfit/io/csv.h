// Comma-separated samples: one per line, the class label first, then the features; or no label.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"
#include "cipherfit/io/matrix.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace cipherfit {

struct LabelledRows {
    RowMatrix features;                // one row per label, at least one column
    std::vector<std::int64_t> labels;  // as in the file, |label| < 2^53
};

// Lines end in LF or CRLF; blanks around a field, empty lines at the end and a byte-order mark at
// the beginning are skipped; numbers are decimal ("5", "-0.25", "1e-3"); a label may be written as
// 5.0. The first line is a header, and skipped, when its first field is no number and the others
// are all no numbers or are the column numbers from 0 or from 1.
//
// bad_input, naming file, row (the line of the file, from 1) and column (the field, from 1) for:
// rows of unequal length, anything that is no number, NaN and infinity, numbers beyond the range
// of a double, a label that is no integer, a line of 64 MiB or more, no rows, no features.
Expected<LabelledRows> read_csv(const std::filesystem::path& path);
Expected<LabelledRows> read_csv(ByteSource& source);

// The same for rows without a label: every column is a feature.
Expected<RowMatrix> read_csv_unlabelled(ByteSource& source);

}  // namespace cipherfit
