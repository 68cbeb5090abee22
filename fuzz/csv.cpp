// The CSV reader, with the options that the first byte stands for. Whatever is accepted has a label
// for every row, features, values that are finite or missing on request, and categories that every
// value of a text column is an index of; and an encoding that makes finite numbers of it, which
// reads the same file again.
#include "cipherfit/io/csv.h"

#include "fuzz_support.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace {

using namespace cipherfit;

TableOptions options_of(unsigned byte) {
    TableOptions options;
    options.one_hot = (byte & 1U) != 0;
    options.impute = (byte & 2U) != 0 ? Impute::median : Impute::none;
    options.header = static_cast<TableHeader>((byte >> 2U & 3U) % 3);
    options.label = (byte & 16U) != 0 ? "last" : "";
    if ((byte & 32U) != 0) {
        options.drop = {"2"};
    }
    constexpr char delimiters[] = {0, ',', ';', '\t'};
    options.delimiter = delimiters[byte >> 6U];
    return options;
}

void claim_table(const CsvTable& table, const TableOptions& options, std::size_t size) {
    const auto rows = static_cast<std::size_t>(table.values.rows());
    claim(rows >= 1 && table.values.cols() >= 1);
    claim(static_cast<std::size_t>(table.values.size()) <= size + 1);
    claim(table.table.columns.size() == static_cast<std::size_t>(table.values.cols()));
    for (Eigen::Index j = 0; j < table.values.cols(); ++j) {
        const auto& categories = table.table.columns[static_cast<std::size_t>(j)].categories;
        claim(options.one_hot || categories.empty());
        for (const double value : table.values.col(j)) {
            claim(std::isnan(value) ? options.impute != Impute::none
                  : categories.empty()
                      ? std::isfinite(value)
                      : value >= 0 && value < static_cast<double>(categories.size()));
        }
    }
    const auto encoding = fit_encoding("f", table.values, table.table, options.impute);
    claim_clear_refusal(encoding);
    if (encoding && encoding->feature_count() * rows < 1U << 22U) {
        const auto encoded = encode_table("f", table.values, table.table, *encoding);
        claim(encoded.has_value() && encoded->features.allFinite());
        claim(table_encoding_from_json(to_json(*encoding)).value() == *encoding);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    // A seed that begins with @ (64) has a comma for delimiter and no other option.
    const TableOptions options = options_of(*data);
    MemorySource source({data + 1, size - 1});
    const auto rows = read_csv(source, options);
    claim_clear_refusal(rows);
    if (rows) {
        claim(rows->labels.size() == static_cast<std::size_t>(rows->values.rows()));
        for (const int label : rows->labels) {
            claim(label >= 0 && static_cast<std::size_t>(label) < rows->classes.size());
        }
        claim_table(*rows, options, size);
        if (const auto model = fit_encoding("f", rows->values, rows->table, options.impute)) {
            TableOptions again = options;
            again.drop.clear();
            const auto later = read_csv(source, again, &*model);
            claim_clear_refusal(later);
            claim(!later || later->values.cols() == rows->values.cols());
        }
    }
    const auto unlabelled = read_csv_unlabelled(source, options);
    claim_clear_refusal(unlabelled);
    if (unlabelled) {
        claim_table(*unlabelled, options, size);
    }
    return 0;
}
