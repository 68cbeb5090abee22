#include "cli/samples.h"

#include "cipherfit/backbone/pca_features.h"
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"
#include "cli/owner_files.h"

#include <array>
#include <cmath>
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

template <class T>
void feed(Sha256& hash, const T* values, std::size_t count) {
    hash.update({reinterpret_cast<const std::uint8_t*>(values), count * sizeof(T)});
}

Dataset read_rows(const std::filesystem::path& file, const SampleOptions& options) {
    if (!options.unlabelled) {
        const auto labels = options.labels.empty() ? std::optional<std::filesystem::path>()
                                                   : std::optional(options.labels);
        return value_or_throw(read_dataset(file, labels));
    }
    Dataset rows;
    rows.features = value_or_throw(read_unlabelled(file));
    rows.labels.assign(static_cast<std::size_t>(rows.features.rows()), 0);
    rows.class_names = {"0"};
    return rows;
}

}  // namespace

Samples read_samples(const SampleOptions& options) {
    const RowRange rows = parse_rows(options.rows);
    const std::filesystem::path file = value_or_throw(dataset_file(options.file, options.part));
    Samples samples;
    samples.file = options.file.string();
    samples.data = read_rows(file, options);
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
    return samples;
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

std::unique_ptr<FeatureExtractor> fit_extractor(const FeatureOptions& options,
                                                const Samples& training,
                                                const FeatureProgress& progress) {
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
    RandomConvOptions conv;
    conv.seed = options.seed();
    if (options.components > 0) {
        conv.components = options.components;
    }
    conv.whitening = options.whitening.value_or(conv.whitening);
    if (training.image) {
        conv.shape = *training.image;
    } else {
        const auto columns = static_cast<Eigen::Index>(training.data.feature_count());
        const auto side =
            static_cast<Eigen::Index>(std::lround(std::sqrt(static_cast<double>(columns))));
        require(side * side == columns, ErrorCode::bad_input,
                "--features random-conv needs square images in rows of pixels, but there are {} "
                "columns: use IDX files for images of another shape",
                columns);
        conv.shape = {side, side};
    }
    std::unique_ptr<FeatureExtractor> extractor = RandomConvFeatures::create(conv);
    extractor->fit(training.data.features, progress);
    // Of its own choice fewer may come out; a number that was asked for is one to rely on.
    require(options.components == 0 || extractor->output_dimension() == options.components,
            ErrorCode::bad_input,
            "{} principal components were asked for, but the random-conv features of the {} "
            "training images have the rank {}: ask for at most that many",
            options.components, training.data.size(), extractor->output_dimension());
    return extractor;
}

Dataset extract(const FeatureExtractor* extractor, Dataset data, const FeatureProgress& progress) {
    if (extractor != nullptr) {
        data.features = extractor->transform(data.features, progress);
    }
    return data;
}

}  // namespace cipherfit
