#include "cipherfit/io/cifar.h"
#include "cipherfit/io/csv.h"
#include "cipherfit/io/dataset.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/idx.h"
#include "cipherfit/io/npy.h"
#include "io/npy_header.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

enum class Format { csv, npy, idx, cifar10 };

Expected<Format> detect(ByteSource& source) {
    std::array<std::uint8_t, 512> buffer{};
    const auto bytes = std::span(buffer).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), buffer.size())));
    if (auto done = source.read_at(0, bytes); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    const auto starts_with = [&](std::initializer_list<std::uint8_t> magic) {
        return bytes.size() >= magic.size() &&
               std::equal(magic.begin(), magic.end(), bytes.begin());
    };
    if (starts_with({0x1f, 0x8b})) {
        return make_error(ErrorCode::bad_input, "{}: is compressed; gunzip it first",
                          source.name());
    }
    if (starts_with({'P', 'K', 3, 4})) {
        return make_error(
            ErrorCode::bad_input,
            "{}: is a zip or .npz archive; save features and labels as two .npy files",
            source.name());
    }
    if (starts_with({0x93, 'N', 'U', 'M', 'P', 'Y'})) {
        return Format::npy;
    }
    if (starts_with({0, 0, 8})) {
        return Format::idx;
    }
    const bool binary = std::ranges::find(bytes, std::uint8_t{0}) != bytes.end() ||
                        (!bytes.empty() && bytes.front() < Cifar10::classes);
    if (binary && looks_like_cifar10(source)) {
        return Format::cifar10;
    }
    if (std::ranges::find(bytes, std::uint8_t{0}) != bytes.end()) {
        return make_error(
            ErrorCode::bad_input,
            "{}: neither CSV nor .npy, IDX or CIFAR-10; save the data in one of these",
            source.name());
    }
    return Format::csv;
}

RowMatrix grey_values(const std::vector<std::uint8_t>& pixels, std::size_t rows,
                      std::size_t columns) {
    using Pixels = Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const Pixels>(pixels.data(), static_cast<Eigen::Index>(rows),
                                    static_cast<Eigen::Index>(columns))
        .cast<double>();
}

// The features as the readers give them, with IDX grey values as numbers.
Expected<RowMatrix> read_features(ByteSource& source, Format format, bool allow_missing) {
    if (format == Format::npy) {
        return read_npy_matrix(source, allow_missing);
    }
    auto images = read_idx_images(source);
    if (!images) {
        return tl::unexpected<ErrorInfo>(images.error());
    }
    return grey_values(images->pixels, images->count, images->rows * images->columns);
}

Expected<NpyLabels> read_labels(const std::filesystem::path& path) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    const auto format = detect(**source);
    if (!format) {
        return tl::unexpected<ErrorInfo>(format.error());
    }
    if (*format == Format::npy) {
        return read_npy_labels(**source);
    }
    if (*format != Format::idx) {
        return make_error(ErrorCode::bad_input,
                          "{}: labels are read from .npy or IDX files; other files hold labels and "
                          "features together",
                          (*source)->name());
    }
    const auto values = read_idx_labels(**source);
    if (!values) {
        return tl::unexpected<ErrorInfo>(values.error());
    }
    NpyLabels result;
    std::array<int, 256> place{};
    for (const std::uint8_t value : *values) {
        place.at(value) = 1;
    }
    for (int value = 0; value < 256; ++value) {
        if (place.at(static_cast<std::size_t>(value)) != 0) {
            place.at(static_cast<std::size_t>(value)) = static_cast<int>(result.classes.size());
            result.classes.push_back(std::to_string(value));
        }
    }
    for (const std::uint8_t value : *values) {
        result.labels.push_back(place.at(value));
    }
    return result;
}

// The labels' file name that goes with the features' by the usual conventions; empty if none does.
std::string labels_name(std::string name) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> replacements{{
        {"images-idx3", "labels-idx1"},
        {"images.idx3", "labels.idx1"},
        {"features", "labels"},
    }};
    for (const auto& [from, to] : replacements) {
        if (const std::size_t at = name.rfind(from); at != std::string::npos) {
            return name.replace(at, from.size(), to);
        }
    }
    if (name.starts_with("X.") || name.starts_with("X_")) {
        name.front() = 'y';
        return name;
    }
    return {};
}

}  // namespace

Expected<std::filesystem::path> labels_beside(const std::filesystem::path& features) {
    const std::string name = labels_name(features.filename().string());
    std::error_code ignored;
    if (name.empty() || !std::filesystem::exists(features.parent_path() / name, ignored)) {
        return make_error(ErrorCode::bad_input, "{}: has no labels{}; name the file of the labels",
                          features.string(),
                          name.empty() ? std::string() : fmt::format(" ({} is not there)", name));
    }
    return features.parent_path() / name;
}

Expected<std::filesystem::path> dataset_file(const std::filesystem::path& path, DatasetPart part) {
    constexpr std::array<std::string_view, 6> train{"features_train.npy", "X_train.npy",
                                                    "train_features.npy", "train-images-idx3-ubyte",
                                                    "features.npy",       "X.npy"};
    constexpr std::array<std::string_view, 6> test{"features_test.npy", "X_test.npy",
                                                   "test_features.npy", "t10k-images-idx3-ubyte",
                                                   "features.npy",      "X.npy"};
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
        return path;
    }
    for (const std::string_view name : part == DatasetPart::train ? train : test) {
        if (std::filesystem::exists(path / name, ignored)) {
            return path / name;
        }
    }
    return make_error(ErrorCode::bad_input, "{}: is a folder without one of {}; name the file",
                      path.string(), fmt::join(part == DatasetPart::train ? train : test, ", "));
}

namespace {

// Whether some value may be missing: in training rows on request, in later ones if the model fills.
bool may_be_missing(const TableOptions& options, const TableEncoding* model) {
    return model == nullptr ? options.impute != Impute::none
                            : std::ranges::any_of(model->columns,
                                                  [](const auto& c) { return c.fill.has_value(); });
}

Expected<Dataset> read_csv_dataset(ByteSource& source, bool labelled, const TableOptions& options,
                                   const TableEncoding* model) {
    auto rows =
        labelled ? read_csv(source, options, model) : read_csv_unlabelled(source, options, model);
    if (!rows) {
        return tl::unexpected<ErrorInfo>(rows.error());
    }
    if (!labelled) {
        rows->labels.assign(static_cast<std::size_t>(rows->values.rows()), 0);
        rows->classes = {"0"};
    }
    return make_dataset(source.name(), std::move(rows->values), std::move(rows->labels),
                        std::move(rows->classes), std::move(rows->table),
                        may_be_missing(options, model));
}

// The columns of a file that has neither names nor text.
TableEncoding numeric_columns(Eigen::Index count) {
    TableEncoding table;
    table.columns.resize(static_cast<std::size_t>(count));
    return table;
}

Expected<Dataset> read_cifar10_dataset(ByteSource& source) {
    const auto images = read_cifar10(source);
    if (!images) {
        return tl::unexpected<ErrorInfo>(images.error());
    }
    const std::vector<std::int64_t> labels(images->labels.begin(), images->labels.end());
    return make_dataset(source.name(),
                        grey_values(images->pixels, labels.size(), Cifar10::pixels_per_image),
                        labels);
}

Expected<Dataset> read_with_labels(ByteSource& source, Format format,
                                   const std::filesystem::path& labels, bool allow_missing) {
    // The labels first: they are small, and a mistake in them shows before the features are read.
    auto label_values = read_labels(labels);
    if (!label_values) {
        return tl::unexpected<ErrorInfo>(label_values.error());
    }
    auto features = read_features(source, format, allow_missing);
    if (!features) {
        return tl::unexpected<ErrorInfo>(features.error());
    }
    const Eigen::Index columns = features->cols();
    auto dataset =
        make_dataset(source.name(), std::move(*features), std::move(label_values->labels),
                     std::move(label_values->classes), numeric_columns(columns), allow_missing);
    const auto names = labels.parent_path() / "class_names.json";
    std::error_code ignored;
    if (dataset && std::filesystem::exists(names, ignored)) {
        if (auto done = name_classes(*dataset, names); !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
    }
    return dataset;
}

// Options of a table say nothing of a file that has no columns of text.
Expected<void> require_no_table_options(const std::string& file, const TableOptions& options) {
    if (options.label.empty() && options.drop.empty() && options.delimiter == 0 &&
        options.header == TableHeader::detect && !options.one_hot && options.categorical.empty()) {
        return {};
    }
    return make_error(ErrorCode::bad_input,
                      "{}: is no CSV file: leave out what describes its columns", file);
}

struct OpenFile {
    std::unique_ptr<ByteSource> source;
    Format format = Format::csv;
};

Expected<OpenFile> open_dataset(const std::filesystem::path& path, const TableOptions& options) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    const auto format = detect(**source);
    if (!format) {
        return tl::unexpected<ErrorInfo>(format.error());
    }
    if (*format != Format::csv) {
        if (auto done = require_no_table_options((*source)->name(), options); !done) {
            return tl::unexpected<ErrorInfo>(done.error());
        }
    }
    return OpenFile{std::move(*source), *format};
}

}  // namespace

Expected<Dataset> read_dataset(const std::filesystem::path& path,
                               const std::optional<std::filesystem::path>& labels,
                               const TableOptions& options, const TableEncoding* model) {
    auto file = open_dataset(path, options);
    if (!file) {
        return tl::unexpected<ErrorInfo>(file.error());
    }
    const Format format = file->format;
    ByteSource& source = *file->source;
    if (format == Format::csv || format == Format::cifar10) {
        const bool csv = format == Format::csv;
        if (labels) {
            return make_error(
                ErrorCode::bad_input, "{}: a {} file holds its labels {}; leave out {}",
                source.name(), csv ? "CSV" : "CIFAR-10",
                csv ? "in the first column, or in one that is named" : "itself", labels->string());
        }
        return csv ? read_csv_dataset(source, true, options, model) : read_cifar10_dataset(source);
    }
    const auto labels_path =
        labels ? Expected<std::filesystem::path>(*labels) : labels_beside(path);
    if (!labels_path) {
        return tl::unexpected<ErrorInfo>(labels_path.error());
    }
    return read_with_labels(source, format, *labels_path, may_be_missing(options, model));
}

Expected<Dataset> read_unlabelled(const std::filesystem::path& path, const TableOptions& options,
                                  const TableEncoding* model) {
    auto file = open_dataset(path, options);
    if (!file) {
        return tl::unexpected<ErrorInfo>(file.error());
    }
    const std::string& name = file->source->name();
    if (file->format == Format::cifar10) {
        return make_error(ErrorCode::bad_input,
                          "{}: the records of a CIFAR-10 file have labels; read them as labelled",
                          name);
    }
    if (file->format == Format::csv) {
        return read_csv_dataset(*file->source, false, options, model);
    }
    const bool allow_missing = may_be_missing(options, model);
    auto features = read_features(*file->source, file->format, allow_missing);
    if (!features) {
        return tl::unexpected<ErrorInfo>(features.error());
    }
    const Eigen::Index columns = features->cols();
    std::vector<int> labels(static_cast<std::size_t>(features->rows()), 0);
    return make_dataset(name, std::move(*features), std::move(labels), {"0"},
                        numeric_columns(columns), allow_missing);
}

}  // namespace cipherfit
