#include "cli/samples.h"

#include "cipherfit/backbone/chained_features.h"
#include "cipherfit/backbone/pca_features.h"
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cli/owner_files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

namespace cipherfit {
namespace {

// The image size in the header of an IDX file of three dimensions: big-endian numbers at 8 and 12.
std::optional<ImageShape> idx_shape(const std::filesystem::path& path) {
    constexpr std::array<std::uint8_t, 4> magic{0, 0, 8, 3};
    std::array<std::uint8_t, 16> header{};
    const auto source = FileSource::open(path);
    if (!source || !(*source)->read_at(0, header) ||
        !std::equal(magic.begin(), magic.end(), header.begin())) {
        return std::nullopt;
    }
    const auto number = [&header](std::size_t at) {
        Eigen::Index value = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            value = value * 256 + header[at + i];
        }
        return value;
    };
    return ImageShape{number(8), number(12)};
}

// What `cipherfit extract` left beside its features.
std::string backbone_beside(const std::filesystem::path& file) {
    const std::filesystem::path about = file.parent_path() / "extraction.json";
    std::error_code ignored;
    if (file.filename() != "features.npy" || !std::filesystem::exists(about, ignored)) {
        return {};
    }
    const nlohmann::json json = read_json(about);
    const auto found = json.find("backbone_fingerprint");
    require(found != json.end() && found->is_string(), ErrorCode::corrupt_data,
            "{}: names no network: extract the features again", about.string());
    return found->get<std::string>();
}

std::filesystem::path thumbnails_beside(const std::filesystem::path& file) {
    const std::filesystem::path thumbnails = file.parent_path() / "thumbnails.npy";
    std::error_code ignored;
    return std::filesystem::exists(thumbnails, ignored) ? thumbnails : std::filesystem::path();
}

std::unique_ptr<FeatureExtractor> fit_pca(const FeatureOptions& options, const Samples& training,
                                          const FeatureProgress& progress) {
    PcaOptions pca;
    pca.components = options.components;
    pca.whitening = options.whitening.value_or(pca.whitening);
    std::unique_ptr<FeatureExtractor> extractor = PcaFeatures::create(pca);
    extractor->fit(training.data.features, progress);
    return extractor;
}

// Of the components that random Fourier features start from.
constexpr double first_whitening = 0.5;

// Filters for the images, whose shape is known or square.
RandomConvOptions convolutions_of(const FeatureOptions& options, const Samples& training) {
    RandomConvOptions conv;
    conv.seed = options.seed();
    conv.threshold = options.threshold.value_or(conv.threshold);
    conv.filters = options.filters;
    conv.unit_rows = options.unit_filters;
    if (training.image) {
        conv.shape = *training.image;
        return conv;
    }
    const auto columns = static_cast<Eigen::Index>(training.data.feature_count());
    const auto side =
        static_cast<Eigen::Index>(std::lround(std::sqrt(static_cast<double>(columns))));
    require(side * side == columns, ErrorCode::bad_input,
            "--features random-conv needs square images in rows of pixels, but there are {} "
            "columns: use IDX files for images of another shape",
            columns);
    conv.shape = {side, side};
    return conv;
}

// Of its own choice fewer may come out; a number that was asked for is one to rely on.
void require_components(const FeatureOptions& options, const FeatureExtractor& extractor,
                        const Samples& training) {
    require(options.components == 0 || extractor.output_dimension() == options.components,
            ErrorCode::bad_input,
            "{} principal components were asked for, but the {} features of the {} training rows "
            "have the rank {}: ask for at most that many",
            options.components, extractor.name(), training.data.size(),
            extractor.output_dimension());
}

template <class T>
void feed(Sha256& hash, const T* values, std::size_t count) {
    hash.update({reinterpret_cast<const std::uint8_t*>(values), count * sizeof(T)});
}

Dataset read_rows(const std::filesystem::path& file, const SampleOptions& options,
                  const TableEncoding* model) {
    if (model != nullptr && model->columns.empty()) {
        model = nullptr;  // of a version that kept none
    }
    if (options.unlabelled) {
        return value_or_throw(read_unlabelled(file, options.table, model));
    }
    const auto labels = options.labels.empty() ? std::optional<std::filesystem::path>()
                                               : std::optional(options.labels);
    return value_or_throw(read_dataset(file, labels, options.table, model));
}

// Leaves the held-out share of the rows, or what it leaves.
void pick(const SampleOptions& options, Samples& samples) {
    const auto held_out =
        held_out_rows(samples.data.labels, options.hold_out, options.hold_out_seed);
    require(!held_out.empty(), ErrorCode::bad_input,
            "{}: has no class of two rows, so that none can be held out: give --test FILE",
            samples.file);
    if (options.is_held_out) {
        samples.picked = held_out;
    } else {
        std::vector<std::size_t> all(samples.data.size());
        std::iota(all.begin(), all.end(), std::size_t{0});
        std::ranges::set_difference(all, held_out, std::back_inserter(samples.picked));
    }
    samples.data = select_rows(samples.data, samples.picked);
}

}  // namespace

Samples read_samples(const SampleOptions& options, const TableEncoding* model) {
    if (model != nullptr && model->columns.empty()) {
        model = nullptr;  // an export, or a model of an earlier version: it knows no columns
    }
    const RowRange rows = parse_rows(options.rows);
    const std::filesystem::path file = value_or_throw(dataset_file(options.file, options.part));
    Samples samples;
    samples.file = options.file.string();
    samples.data = read_rows(file, options, model);
    samples.image = idx_shape(file);
    samples.backbone = backbone_beside(file);
    if (!samples.backbone.empty()) {
        samples.thumbnails = thumbnails_beside(file);
    }
    samples.first_row = rows.begin;
    samples.file_rows = samples.data.size();
    if (!options.rows.empty()) {
        auto part = take_rows(samples.data, rows.begin, rows.end.value_or(samples.data.size()));
        if (!part) {
            throw Error(part.error().code,
                        fmt::format("{}: {}", file.string(), part.error().message));
        }
        samples.data = std::move(*part);
    }
    if (options.hold_out > 0) {
        pick(options, samples);
    }
    samples.data = value_or_throw(
        model == nullptr
            ? encode_training(file.string(), std::move(samples.data), options.table.impute)
            : encode(file.string(), std::move(samples.data), *model, &samples.unknown_text));
    return samples;
}

std::string describe_unknown_text(const Samples& samples) {
    std::string text;
    for (std::size_t i = 0; i < samples.unknown_text.size(); ++i) {
        if (samples.unknown_text[i] > 0) {
            const std::string& name = samples.data.table.columns[i].name;
            text += fmt::format(
                "  {:<22}{} values of column {} were not in the training rows; they "
                "count as none of its texts\n",
                "unknown text", samples.unknown_text[i],
                name.empty() ? std::to_string(i + 1) : "'" + name + "'");
        }
    }
    return text;
}

void require_trainable(const Samples& samples) {
    if (const auto checked = check_trainable(samples.data); !checked) {
        throw Error(checked.error().code,
                    fmt::format("{}: {}", samples.file, checked.error().message));
    }
}

void require_backbone(const Samples& samples, const std::string& backbone,
                      const std::string& file) {
    require(samples.backbone.empty() || backbone.empty() || samples.backbone == backbone,
            ErrorCode::bad_input,
            "{}: these are features of another network, or of the same with other input settings, "
            "than those that were trained on: extract them with the backbone of the training data",
            file);
}

std::string digest_of(const Dataset& data) {
    Sha256 hash;
    const std::array<std::uint64_t, 3> sizes{data.size(), data.feature_count(), data.class_count()};
    feed(hash, sizes.data(), sizes.size());
    feed(hash, data.features.data(), static_cast<std::size_t>(data.features.size()));
    feed(hash, data.labels.data(), data.labels.size());
    for (const std::string& name : data.class_names) {
        feed(hash, name.c_str(), name.size() + 1);
    }
    return to_hex(hash.finish());
}

std::unique_ptr<FeatureExtractor> unfitted_components(const FeatureOptions& options,
                                                      const Samples& training, double whitening) {
    const bool rbf = options.kind.ends_with("rbf");
    const std::size_t plus = options.kind.find('+');
    WhitenedOptions whitened;
    whitened.cosines = rbf;
    whitened.cosine_count = options.cosines;
    whitened.width = options.width.value_or(whitened.width);
    whitened.scaling = plus == std::string::npos ? ColumnScaling::each : ColumnScaling::common;
    whitened.components = options.components;
    whitened.whitening = whitening;
    whitened.ridge = options.ridge.value_or(whitened.ridge);
    whitened.seed = options.seed();
    if (options.kind == "standardised" || options.kind == "rbf") {
        return WhitenedFeatures::create(whitened);
    }
    std::unique_ptr<FeatureExtractor> first;
    if (options.kind.starts_with("pca")) {
        PcaOptions pca{.components = options.components,
                       .whitening = whitening,
                       .ridge = whitened.ridge,
                       .at_most = true};
        if (rbf) {
            pca = {.components = 0, .whitening = first_whitening};
        }
        first = PcaFeatures::create(pca);
    } else {
        RandomConvOptions conv = convolutions_of(options, training);
        if (rbf) {
            conv.whitening = first_whitening;
        } else {
            conv.whitening = whitening;
            conv.ridge = whitened.ridge;
            conv.components = options.components > 0 ? options.components : conv.components;
        }
        first = RandomConvFeatures::create(conv);
    }
    if (rbf) {
        return ChainedFeatures::create(std::move(first), WhitenedFeatures::create(whitened));
    }
    return first;
}

RowMatrix pooled_convolutions(const FeatureOptions& options, const Samples& training,
                              const RowMatrix& rows) {
    return RandomConvFeatures::create(convolutions_of(options, training))->pooled(rows);
}

std::unique_ptr<FeatureExtractor> fit_extractor(const FeatureOptions& options,
                                                const Samples& training,
                                                const FeatureProgress& progress,
                                                const Eigen::VectorXd& row_weights) {
    if (options.are_whitened()) {
        std::unique_ptr<FeatureExtractor> extractor = unfitted_components(options, training, 1.0);
        extractor->fit(training.data.features, progress, row_weights);
        require_components(options, *extractor, training);
        return extractor;
    }
    const bool automatic = options.kind == "auto";
    if (options.kind == "pca" || (automatic && !training.backbone.empty())) {
        return fit_pca(options, training, progress);
    }
    if (options.kind != "random-conv" && !(automatic && training.image.has_value())) {
        require(options.components == 0 && !options.whitening, ErrorCode::bad_input,
                "--pca and --whiten go with --features pca or random-conv: name one of them, or "
                "leave them out for raw features");
        return nullptr;
    }
    RandomConvOptions conv = convolutions_of(options, training);
    if (options.components > 0) {
        conv.components = options.components;
    }
    conv.whitening = options.whitening.value_or(conv.whitening);
    std::unique_ptr<FeatureExtractor> extractor = RandomConvFeatures::create(conv);
    extractor->fit(training.data.features, progress);
    require_components(options, *extractor, training);
    return extractor;
}

Dataset extract(const FeatureExtractor* extractor, Dataset data, const FeatureProgress& progress) {
    if (extractor != nullptr) {
        data.features = extractor->transform(data.features, progress);
    }
    return data;
}

}  // namespace cipherfit
