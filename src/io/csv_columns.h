// Which columns of a CSV file mean what.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/table.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Where the fields of a column go.
enum class CsvUse : std::uint8_t { label, number, text, ignored };
struct CsvRole {
    CsvUse use = CsvUse::number;
    std::uint32_t target = 0;  // the feature
};

struct CsvLayout {
    bool has_header = false;
    std::vector<std::string> names;  // of all columns, where there is a header
    std::vector<CsvRole> roles;      // of all columns
    TableEncoding table;    // of the features, in their order; text columns without categories
    std::size_t label = 0;  // number of the label's column, from 1; 0: none

    // "column 3 ('age')", 3 from 1.
    std::string describe(std::size_t column) const;
};

// Decides from the first two records; `second` is empty where there is only one.
Expected<CsvLayout> csv_layout(const std::string& file, std::string_view first,
                               std::optional<std::string_view> second, char delimiter,
                               bool labelled, const TableOptions& options,
                               const TableEncoding* model);

// Whether the first record names the columns.
Expected<bool> is_csv_header(const std::string& file, std::string_view first,
                             std::optional<std::string_view> second, char delimiter,
                             TableHeader choice);

}  // namespace cipherfit
