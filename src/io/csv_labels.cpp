#include "io/csv_labels.h"

#include "io/text.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

constexpr double max_exact_integer = 9007199254740992.0;  // 2^53

}  // namespace

tl::unexpected<ErrorInfo> CsvLabels::refuse(std::string_view text, std::uint64_t row,
                                            std::string_view why) const {
    return make_error(ErrorCode::bad_input, "{}: row {}, {}: the label '{}' {}", file_, row,
                      layout_.describe(layout_.label), quotable(text), why);
}

void CsvLabels::add(std::string_view name) {
    auto found = classes_.find(name);
    if (found == classes_.end()) {
        found = classes_.emplace(name, static_cast<int>(classes_.size())).first;
    }
    labels_.push_back(found->second);
}

Expected<void> CsvLabels::take_text(std::string_view text, std::uint64_t row) {
    if (text.size() > 256 || !is_printable(text)) {
        return refuse(text, row,
                      "is no text in UTF-8 of at most 256 bytes; save the file as UTF-8, or name "
                      "the label's column");
    }
    text_row_ = text_row_ == 0 ? row : text_row_;
    if (number_row_ != 0) {
        return refuse(text, row,
                      fmt::format("is text where row {} has a whole number; give one or the other",
                                  number_row_));
    }
    add(text);
    return {};
}

Expected<void> CsvLabels::take(const CsvField& field, std::uint64_t row) {
    const std::string_view text = trim_blanks(field.text);
    double value = 0;
    switch (parse_value(field, value)) {
        case CsvValue::text:
            return take_text(text, row);
        case CsvValue::missing:
            return refuse(text, row,
                          "is missing; remove the row, or quote the label if that is its name");
        case CsvValue::number:
            break;
        default:
            return refuse(text, row, "is no integer class; name the label's column");
    }
    if (!(std::abs(value) < max_exact_integer) || std::trunc(value) != value) {
        return refuse(text, row,
                      "is no integer class; name the label's column, or make classes "
                      "of its ranges");
    }
    number_row_ = number_row_ == 0 ? row : number_row_;
    if (text_row_ != 0) {
        return refuse(text, row,
                      fmt::format("is a whole number where row {} has text; give one or the other",
                                  text_row_));
    }
    add(fmt::format("{}", static_cast<std::int64_t>(value)));
    return {};
}

void CsvLabels::finish(std::vector<int>& labels, std::vector<std::string>& classes) {
    std::vector<std::pair<std::string, int>> order(classes_.begin(), classes_.end());
    if (number_row_ != 0) {
        std::ranges::sort(order, {}, [](const auto& entry) { return std::stoll(entry.first); });
    }
    std::vector<int> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        place[static_cast<std::size_t>(order[i].second)] = static_cast<int>(i);
        classes.push_back(order[i].first);
    }
    labels = std::move(labels_);
    for (int& label : labels) {
        label = place[static_cast<std::size_t>(label)];
    }
}

}  // namespace cipherfit
