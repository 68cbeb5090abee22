#include "cipherfit/io/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_map>

namespace cipherfit {
namespace {

Expected<void> check_finite(std::string_view file, const RowMatrix& features, bool allow_missing) {
    for (Eigen::Index row = 0; row < features.rows(); ++row) {
        for (Eigen::Index column = 0; column < features.cols(); ++column) {
            const double value = features(row, column);
            if (std::isfinite(value) || (allow_missing && std::isnan(value))) {
                continue;
            }
            if (std::isnan(value)) {
                return make_error(ErrorCode::bad_input,
                                  "{}: row {}, feature {}: is missing; fill missing values, or "
                                  "remove the row",
                                  file, row + 1, column + 1);
            }
            return make_error(ErrorCode::bad_input,
                              "{}: row {}, feature {}: the value is not finite; correct it or "
                              "remove the row",
                              file, row + 1, column + 1);
        }
    }
    return {};
}

}  // namespace

Expected<Dataset> make_dataset(const std::string& file, RowMatrix features, std::vector<int> labels,
                               std::vector<std::string> class_names, TableEncoding table,
                               bool allow_missing) {
    if (features.rows() == 0 || features.cols() == 0) {
        return make_error(ErrorCode::bad_input,
                          "{}: has {} rows of {} features; one of each is the "
                          "least",
                          file, features.rows(), features.cols());
    }
    if (labels.size() != static_cast<std::size_t>(features.rows())) {
        return make_error(ErrorCode::bad_input, "{}: has {} rows, but there are {} labels", file,
                          features.rows(), labels.size());
    }
    if (auto done = check_finite(file, features, allow_missing); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return Dataset{std::move(features), std::move(labels), std::move(class_names),
                   std::move(table)};
}

Expected<Dataset> make_dataset(const std::string& file, RowMatrix features,
                               std::span<const std::int64_t> labels) {
    std::vector<std::int64_t> classes(labels.begin(), labels.end());
    std::ranges::sort(classes);
    const auto repeated = std::ranges::unique(classes);
    classes.erase(repeated.begin(), repeated.end());
    if (classes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        return make_error(ErrorCode::bad_input, "{}: has {} classes, which is too many", file,
                          classes.size());
    }
    std::vector<int> indices;
    indices.reserve(labels.size());
    for (const std::int64_t label : labels) {
        const auto found = std::ranges::lower_bound(classes, label);
        indices.push_back(static_cast<int>(found - classes.begin()));
    }
    std::vector<std::string> names;
    names.reserve(classes.size());
    for (const std::int64_t label : classes) {
        names.push_back(std::to_string(label));
    }
    TableEncoding table;
    table.columns.resize(static_cast<std::size_t>(features.cols()));
    return make_dataset(file, std::move(features), std::move(indices), std::move(names),
                        std::move(table), false);
}

Expected<Dataset> take_rows(const Dataset& dataset, std::size_t begin, std::size_t end) {
    if (begin >= end || end > dataset.size()) {
        return make_error(ErrorCode::bad_input,
                          "rows {} to {} were asked for, but the rows go from 0 to {}; choose a "
                          "range within them (the end is not included)",
                          begin, end, dataset.size());
    }
    Dataset result;
    result.features = dataset.features.middleRows(static_cast<Eigen::Index>(begin),
                                                  static_cast<Eigen::Index>(end - begin));
    result.labels.assign(dataset.labels.begin() + static_cast<std::ptrdiff_t>(begin),
                         dataset.labels.begin() + static_cast<std::ptrdiff_t>(end));
    result.class_names = dataset.class_names;
    result.table = dataset.table;
    return result;
}

Expected<void> check_trainable(const Dataset& dataset) {
    const auto rows = static_cast<std::size_t>(dataset.features.rows());
    if (rows == 0 || dataset.feature_count() == 0 || rows != dataset.size()) {
        return make_error(ErrorCode::bad_input,
                          "{} rows of {} features with {} labels are nothing to train on; give one "
                          "label for every row",
                          rows, dataset.feature_count(), dataset.size());
    }
    for (std::size_t row = 0; row < rows; ++row) {
        const int label = dataset.labels[row];
        if (label < 0 || static_cast<std::size_t>(label) >= dataset.class_count()) {
            return make_error(ErrorCode::bad_input, "row {}: the class index {} is outside 0 to {}",
                              row + 1, label, static_cast<std::int64_t>(dataset.class_count()) - 1);
        }
    }
    const int first = dataset.labels.front();
    if (std::ranges::all_of(dataset.labels, [&](int label) { return label == first; })) {
        return make_error(ErrorCode::bad_input,
                          "all {} rows are of the class {}; training needs samples of two classes "
                          "at least",
                          rows, dataset.class_names[static_cast<std::size_t>(first)]);
    }
    if (rows < dataset.class_count()) {
        return make_error(ErrorCode::bad_input,
                          "{} rows are fewer than the {} classes; give at least one row of each",
                          rows, dataset.class_count());
    }
    const std::set<int> distinct(dataset.labels.begin(), dataset.labels.end());
    if (rows >= 8 && 2 * distinct.size() > rows) {
        return make_error(ErrorCode::bad_input,
                          "{} rows have {} different labels, as numbers or names of rows have; "
                          "name the label's column, or leave out the index",
                          rows, distinct.size());
    }
    return check_finite("training data", dataset.features, false);
}

Expected<std::vector<int>> map_labels(const Dataset& dataset,
                                      std::span<const std::string> class_names,
                                      bool allow_unknown) {
    std::unordered_map<std::string_view, int> index;
    for (std::size_t i = 0; i < class_names.size(); ++i) {
        index.emplace(class_names[i], static_cast<int>(i));
    }
    std::vector<int> result;
    result.reserve(dataset.size());
    for (std::size_t row = 0; row < dataset.size(); ++row) {
        const std::string& label =
            dataset.class_names.at(static_cast<std::size_t>(dataset.labels[row]));
        const auto found = index.find(label);
        if (found == index.end() && allow_unknown) {
            result.push_back(-1);
            continue;
        }
        if (found == index.end()) {
            return make_error(
                ErrorCode::bad_input,
                "row {}: the label {} is not among the {} classes that the model was "
                "trained with ({}); remove the row, or have such rows counted",
                row + 1, label, class_names.size(),
                fmt::join(class_names.first(std::min<std::size_t>(class_names.size(), 20)), ", "));
        }
        result.push_back(found->second);
    }
    return result;
}

}  // namespace cipherfit
