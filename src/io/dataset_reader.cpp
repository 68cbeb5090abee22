#include "cipherfit/io/csv.h"
#include "cipherfit/io/dataset.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/idx.h"
#include "cipherfit/io/npy.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace cipherfit {
namespace {

enum class Format { csv, npy, idx };

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
    if (std::ranges::find(bytes, std::uint8_t{0}) != bytes.end()) {
        return make_error(ErrorCode::bad_input,
                          "{}: neither CSV nor .npy nor IDX; save the data in one of these",
                          source.name());
    }
    return Format::csv;
}

// The features as the readers give them, with IDX grey values as numbers.
Expected<RowMatrix> read_features(ByteSource& source, Format format) {
    if (format == Format::npy) {
        return read_npy_matrix(source);
    }
    auto images = read_idx_images(source);
    if (!images) {
        return tl::unexpected<ErrorInfo>(images.error());
    }
    const auto columns = images->rows * images->columns;
    using Pixels = Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return RowMatrix(Eigen::Map<const Pixels>(images->pixels.data(),
                                              static_cast<Eigen::Index>(images->count),
                                              static_cast<Eigen::Index>(columns))
                         .cast<double>());
}

Expected<std::vector<std::int64_t>> read_labels(const std::filesystem::path& path) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    const auto format = detect(**source);
    if (!format) {
        return tl::unexpected<ErrorInfo>(format.error());
    }
    if (*format == Format::npy) {
        return read_npy_integers(**source);
    }
    if (*format == Format::csv) {
        return make_error(ErrorCode::bad_input,
                          "{}: labels are read from .npy or IDX files; a CSV file holds labels and "
                          "features together",
                          (*source)->name());
    }
    auto labels = read_idx_labels(**source);
    if (!labels) {
        return tl::unexpected<ErrorInfo>(labels.error());
    }
    return std::vector<std::int64_t>(labels->begin(), labels->end());
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

Expected<Dataset> read_dataset(const std::filesystem::path& path,
                               const std::optional<std::filesystem::path>& labels) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    const std::string& file = (*source)->name();
    const auto format = detect(**source);
    if (!format) {
        return tl::unexpected<ErrorInfo>(format.error());
    }
    if (*format == Format::csv) {
        if (labels) {
            return make_error(ErrorCode::bad_input,
                              "{}: a CSV file holds its labels in the first column; leave out {}",
                              file, labels->string());
        }
        auto rows = read_csv(**source);
        if (!rows) {
            return tl::unexpected<ErrorInfo>(rows.error());
        }
        return make_dataset(file, std::move(rows->features), rows->labels);
    }
    const auto labels_path =
        labels ? Expected<std::filesystem::path>(*labels) : labels_beside(path);
    if (!labels_path) {
        return tl::unexpected<ErrorInfo>(labels_path.error());
    }
    // The labels first: they are small, and a mistake in them shows before the features are read.
    const auto label_values = read_labels(*labels_path);
    if (!label_values) {
        return tl::unexpected<ErrorInfo>(label_values.error());
    }
    auto features = read_features(**source, *format);
    if (!features) {
        return tl::unexpected<ErrorInfo>(features.error());
    }
    return make_dataset(file, std::move(*features), *label_values);
}

}  // namespace cipherfit
