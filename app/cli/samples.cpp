#include "cli/samples.h"

#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"

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

template <class T>
void feed(Sha256& hash, const T* values, std::size_t count) {
    hash.update({reinterpret_cast<const std::uint8_t*>(values), count * sizeof(T)});
}

}  // namespace

Samples read_samples(const SampleOptions& options) {
    const RowRange rows = parse_rows(options.rows);
    const auto labels = options.labels.empty() ? std::optional<std::filesystem::path>()
                                               : std::optional(options.labels);
    Samples samples{value_or_throw(read_dataset(options.file, labels)), idx_shape(options.file)};
    if (!options.rows.empty()) {
        auto part = take_rows(samples.data, rows.begin, rows.end.value_or(samples.data.size()));
        if (!part) {
            throw Error(part.error().code,
                        fmt::format("{}: {}", options.file.string(), part.error().message));
        }
        samples.data = std::move(*part);
    }
    return samples;
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
                                                const Samples& training) {
    const bool wanted =
        options.kind == "random-conv" || (options.kind == "auto" && training.image.has_value());
    if (!wanted) {
        require(options.components == 0, ErrorCode::bad_input,
                "--pca goes with --features random-conv: leave it out for raw features");
        return nullptr;
    }
    RandomConvOptions conv;
    conv.seed = options.seed;
    if (options.components > 0) {
        conv.components = options.components;
    }
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
    extractor->fit(training.data.features);
    return extractor;
}

Dataset extract(const FeatureExtractor* extractor, Dataset data) {
    if (extractor != nullptr) {
        data.features = extractor->transform(data.features);
    }
    return data;
}

}  // namespace cipherfit
