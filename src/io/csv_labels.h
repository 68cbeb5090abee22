// The labels of a CSV file: whole numbers or text.
#pragma once

#include "cipherfit/base/error.h"
#include "io/csv_columns.h"
#include "io/csv_fields.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cipherfit {

class CsvLabels {
  public:
    // The file's name is for messages; both must outlive this object.
    CsvLabels(const CsvLayout& layout, const std::string& file) : layout_(layout), file_(file) {}

    Expected<void> take(const CsvField& field, std::uint64_t row);
    // Indices of the classes, which are in ascending order.
    void finish(std::vector<int>& labels, std::vector<std::string>& classes);

  private:
    Expected<void> take_text(std::string_view text, std::uint64_t row);
    tl::unexpected<ErrorInfo> refuse(std::string_view text, std::uint64_t row,
                                     std::string_view why) const;
    void add(std::string_view name);

    const CsvLayout& layout_;
    const std::string& file_;
    std::map<std::string, int, std::less<>> classes_;  // in the order of their first rows
    std::vector<int> labels_;
    std::uint64_t number_row_ = 0, text_row_ = 0;  // the first ones, 0: none
};

}  // namespace cipherfit
