// Encodings of tables and options of their reading, as JSON.
#include "base/json_integers.h"
#include "cipherfit/io/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::uint32_t most_plain = 1U << 22U;
constexpr std::array<std::string_view, 3> header_names{"detect", "yes", "no"};
constexpr std::array<std::string_view, 3> impute_names{"none", "mean", "median"};

template <std::size_t n>
std::size_t index_of(const std::array<std::string_view, n>& names, const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

tl::unexpected<ErrorInfo> damaged(const char* what) {
    return make_error(ErrorCode::corrupt_data, "the description of a table {}", what);
}

TableColumn column_from_json(const nlohmann::json& json) {
    TableColumn column;
    column.name = json.at("name").get<std::string>();
    if (const auto found = json.find("categories"); found != json.end()) {
        column.categories = found->get<std::vector<std::string>>();
    }
    if (const auto found = json.find("fill"); found != json.end()) {
        column.fill = found->get<double>();
    }
    return column;
}

// Categories ascend strictly, and a fill is one of them or finite.
bool is_valid(const TableColumn& column) {
    if (column.categories.size() > most_categories ||
        std::ranges::adjacent_find(column.categories, std::ranges::greater_equal{}) !=
            column.categories.end()) {
        return false;
    }
    return !column.fill ||
           (column.is_text() ? *column.fill >= 0 &&
                                   *column.fill < static_cast<double>(column.categories.size()) &&
                                   std::trunc(*column.fill) == *column.fill
                             : std::isfinite(*column.fill));
}

}  // namespace

nlohmann::json to_json(const TableEncoding& encoding) {
    // Columns that have nothing to tell are counted, for there may be many.
    if (!encoding.has_names() && encoding.is_identity()) {
        return {{"label", encoding.label},
                {"label_column", encoding.label_place},
                {"dropped", encoding.dropped},
                {"columns", encoding.columns.size()}};
    }
    nlohmann::json columns = nlohmann::json::array();
    for (const TableColumn& column : encoding.columns) {
        nlohmann::json entry{{"name", column.name}};
        if (column.is_text()) {
            entry["categories"] = column.categories;
        }
        if (column.fill) {
            entry["fill"] = *column.fill;
        }
        columns.push_back(std::move(entry));
    }
    return {{"label", encoding.label},
            {"label_column", encoding.label_place},
            {"dropped", encoding.dropped},
            {"columns", std::move(columns)}};
}

Expected<TableEncoding> table_encoding_from_json(const nlohmann::json& json) {
    TableEncoding encoding;
    try {
        encoding.label = json.at("label").get<std::string>();
        encoding.label_place = whole_number<std::uint32_t>(json.at("label_column"));
        encoding.dropped = json.at("dropped").get<std::vector<std::string>>();
        const nlohmann::json& columns = json.at("columns");
        if (columns.is_number()) {
            encoding.columns.resize(std::min(whole_number<std::uint32_t>(columns), most_plain + 1));
        } else {
            for (const nlohmann::json& column : columns) {
                encoding.columns.push_back(column_from_json(column));
            }
        }
    } catch (const nlohmann::json::exception&) {
        return damaged("lacks a member, or has one of a wrong type");
    }
    if (!std::ranges::all_of(encoding.columns, is_valid) || encoding.columns.size() > most_plain) {
        return damaged("has categories or fills that are out of range");
    }
    const bool named = encoding.has_names();
    std::vector<std::string_view> names;
    names.reserve(encoding.columns.size());
    for (const TableColumn& column : encoding.columns) {
        names.push_back(column.name);
    }
    std::ranges::sort(names);
    if (named ? names.front().empty() || std::ranges::adjacent_find(names) != names.end()
              : !names.empty() && !names.back().empty()) {
        return damaged("has columns without a name, or two of one name");
    }
    return encoding;
}

nlohmann::json to_json(const TableOptions& options) {
    return {
        {"label", options.label},
        {"drop", options.drop},
        {"delimiter", options.delimiter == 0 ? std::string() : std::string(1, options.delimiter)},
        {"header", header_names.at(static_cast<std::size_t>(options.header))},
        {"one_hot", options.one_hot},
        {"categorical", options.categorical},
        {"impute", impute_names.at(static_cast<std::size_t>(options.impute))}};
}

Expected<TableOptions> table_options_from_json(const nlohmann::json& json) {
    TableOptions options;
    try {
        options.label = json.at("label").get<std::string>();
        options.drop = json.at("drop").get<std::vector<std::string>>();
        const auto delimiter = json.at("delimiter").get<std::string>();
        options.delimiter = delimiter.empty() ? '\0' : delimiter.front();
        const std::size_t header = index_of(header_names, json.at("header").get<std::string>());
        options.one_hot = json.at("one_hot").get<bool>();
        options.categorical = json.at("categorical").get<std::vector<std::string>>();
        const std::size_t impute = index_of(impute_names, json.at("impute").get<std::string>());
        if (header >= header_names.size() || impute >= impute_names.size()) {
            return damaged("has an option that is not known");
        }
        options.header = static_cast<TableHeader>(header);
        options.impute = static_cast<Impute>(impute);
    } catch (const nlohmann::json::exception&) {
        return damaged("lacks an option, or has one of a wrong type");
    }
    return options;
}

}  // namespace cipherfit
