#include "cipherfit/fitting/owner/training_rows.h"

#include "cipherfit/backbone/chained_features.h"
#include "cipherfit/backbone/pca_features.h"
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/base/secure.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace cipherfit {
namespace {

std::unique_ptr<FeatureExtractor> fit_pca(const FeatureOptions& options,
                                          const TrainingRows& training,
                                          const FeatureProgress& progress) {
    PcaOptions pca;
    pca.components = options.components;
    pca.whitening = options.whitening.value_or(pca.whitening);
    std::unique_ptr<FeatureExtractor> extractor = PcaFeatures::create(pca);
    extractor->fit(training.data.features, progress);
    return extractor;
}

// How far the components are whitened that random Fourier features start from.
constexpr double first_whitening = 0.5;

// Filters for the images, whose shape is known or square.
RandomConvOptions convolutions_of(const FeatureOptions& options, const TrainingRows& training) {
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
            "random convolutions need square images in rows of pixels, but there are {} columns: "
            "use IDX files for images of another shape",
            columns);
    conv.shape = {side, side};
    return conv;
}

// The program may choose fewer by itself; a number that was asked for is one to rely on.
void require_components(const FeatureOptions& options, const FeatureExtractor& extractor,
                        const TrainingRows& training) {
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

}  // namespace

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
                                                      const TrainingRows& training,
                                                      double whitening) {
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

RowMatrix pooled_convolutions(const FeatureOptions& options, const TrainingRows& training,
                              const RowMatrix& rows) {
    return RandomConvFeatures::create(convolutions_of(options, training))->pooled(rows);
}

std::unique_ptr<FeatureExtractor> fit_extractor(const FeatureOptions& options,
                                                const TrainingRows& training,
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
                "a number of components and a whitening go with principal components or random "
                "convolutions: name one of these kinds, or leave both out for raw features");
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
