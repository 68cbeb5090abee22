// Parts of a dataset, and its columns as numbers.
#include "cipherfit/io/dataset.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <utility>

namespace cipherfit {

std::vector<std::size_t> held_out_rows(std::span<const int> labels, double share,
                                       std::uint64_t seed) {
    std::map<int, std::vector<std::size_t>> of_class;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        of_class[labels[i]].push_back(i);
    }
    // The engine's stream is the standard's, and so the choice is the same everywhere.
    std::mt19937_64 random(seed);
    std::vector<std::size_t> taken;
    for (auto& [label, rows] : of_class) {
        const double wanted = std::round(share * static_cast<double>(rows.size()));
        const std::size_t most = rows.size() - 1;
        const std::size_t count =
            std::min(most, std::max<std::size_t>(1, static_cast<std::size_t>(wanted)));
        for (std::size_t k = 0; k < count; ++k) {
            std::swap(rows[k], rows[k + random() % (rows.size() - k)]);
            taken.push_back(rows[k]);
        }
    }
    std::ranges::sort(taken);
    return taken;
}

Dataset select_rows(const Dataset& dataset, std::span<const std::size_t> rows) {
    Dataset result;
    result.features.resize(static_cast<Eigen::Index>(rows.size()), dataset.features.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        result.features.row(static_cast<Eigen::Index>(i)) =
            dataset.features.row(static_cast<Eigen::Index>(rows[i]));
        result.labels.push_back(dataset.labels[rows[i]]);
    }
    result.class_names = dataset.class_names;
    result.table = dataset.table;
    return result;
}

Expected<Dataset> encode_training(const std::string& file, Dataset dataset, Impute impute) {
    auto encoding = fit_encoding(file, dataset.features, dataset.table, impute);
    if (!encoding) {
        return tl::unexpected<ErrorInfo>(encoding.error());
    }
    return encode(file, std::move(dataset), *encoding);
}

Expected<Dataset> encode(const std::string& file, Dataset dataset, const TableEncoding& model,
                         std::vector<std::size_t>* unknown) {
    auto rows = encode_table(file, std::move(dataset.features), dataset.table, model);
    if (!rows) {
        return tl::unexpected<ErrorInfo>(rows.error());
    }
    dataset.features = std::move(rows->features);
    dataset.table = model;
    if (unknown != nullptr) {
        *unknown = std::move(rows->unknown);
    }
    return dataset;
}

}  // namespace cipherfit
