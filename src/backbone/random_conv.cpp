#include "cipherfit/backbone/random_conv.h"

#include "backbone/convolution.h"
#include "backbone/filter_bank.h"
#include "backbone/pipeline_steps.h"
#include "backbone/random_conv_state.h"
#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr Eigen::Index max_side = 4096;
constexpr Eigen::Index max_features = 16384;
// Images that a thread takes at a time.
constexpr Eigen::Index chunk = 64;
// Images between two reports of progress.
constexpr Eigen::Index piece = 64 * chunk;

void require_range(const char* what, Eigen::Index value, Eigen::Index low, Eigen::Index high) {
    require(value >= low && value <= high, ErrorCode::invalid_argument,
            "random convolutions: {} is {}, outside {}..{}", what, value, low, high);
}

void check(const RandomConvOptions& options) {
    require_range("the image height", options.shape.height, 2, max_side);
    require_range("the image width", options.shape.width, 2, max_side);
    const Eigen::Index side = std::min(options.shape.height, options.shape.width);
    require_range("the filter size", options.filter_size, 2, std::min<Eigen::Index>(15, side));
    require_range("the number of filters", options.filters, 1, 4096);
    require_range("the grid", options.grid, 1, side - options.filter_size + 1);
    const Eigen::Index features = options.filters * options.grid * options.grid;
    require_range("filters x grid^2", features, 1, max_features);
    require_range("the number of components", options.components, 1, features);
    require(options.threshold >= 0.0 && options.threshold <= 100.0, ErrorCode::invalid_argument,
            "random convolutions: the threshold is {}, outside 0..100", options.threshold);
    require(options.whitening >= 0.0 && options.whitening <= 1.0, ErrorCode::invalid_argument,
            "random convolutions: the whitening is {}, outside 0..1", options.whitening);
    require(options.ridge >= 0.0 && options.ridge <= 1.0, ErrorCode::invalid_argument,
            "random convolutions: the ridge is {}, outside 0..1", options.ridge);
}

void check_width(const RowMatrix& images, const ImageShape& shape) {
    require(images.cols() == shape.pixels(), ErrorCode::bad_input,
            "images of {} pixels were given where {} x {} = {} are expected", images.cols(),
            shape.height, shape.width, shape.pixels());
}

// Rows [start, start + out.rows()) as whole numbers.
void read_pixels(const RowMatrix& images, Eigen::Index start, FloatRows& out) {
    for (Eigen::Index i = 0; i < out.rows(); ++i) {
        for (Eigen::Index j = 0; j < out.cols(); ++j) {
            const double value = images(start + i, j);
            // Written so that a NaN fails too.
            require(value >= 0.0 && value <= 255.0, ErrorCode::bad_input,
                    "pixel {} of image {} is {}: pixels range from 0 to 255", j + 1, start + i + 1,
                    value);
            out(i, j) = static_cast<float>(std::nearbyint(value));
        }
    }
}

// In the order of the columns: a vectorised sum would depend on the address of the row.
void divide_by_norm(double* values, Eigen::Index count) {
    double squares = 0.0;
    for (Eigen::Index j = 0; j < count; ++j) {
        squares += values[j] * values[j];
    }
    if (squares > 0.0) {
        const double norm = std::sqrt(squares);
        std::for_each(values, values + count, [norm](double& value) { value /= norm; });
    }
}

}  // namespace

std::unique_ptr<RandomConvFeatures> RandomConvFeatures::create(const RandomConvOptions& options) {
    check(options);
    return std::unique_ptr<RandomConvFeatures>(new RandomConvFeatures(options));
}

RandomConvFeatures::RandomConvFeatures(const RandomConvOptions& options)
    : options_(options),
      filters_(make_filter_bank(options.seed, options.filters, options.filter_size)) {}

Eigen::Index RandomConvFeatures::output_dimension() const {
    return components_ ? components_->components() : 0;
}

void RandomConvFeatures::pool(const RowMatrix& images, Eigen::Index first,
                              Eigen::Ref<RowMatrix> out) const {
    const auto threshold = static_cast<float>(std::round(options_.threshold * 255.0 * filter_unit));
    const ConvolutionShape shape{options_.shape.height, options_.shape.width, options_.filter_size,
                                 options_.grid};
    const Eigen::Index chunks = (out.rows() + chunk - 1) / chunk;
    parallel_for(0, static_cast<std::size_t>(chunks), [&](std::size_t index) {
        const Eigen::Index start = static_cast<Eigen::Index>(index) * chunk;
        FloatRows pixels(std::min(chunk, out.rows() - start), images.cols());
        read_pixels(images, first + start, pixels);
        PooledConvolution convolution(shape, filters_, threshold);
        for (Eigen::Index i = 0; i < pixels.rows(); ++i) {
            double* values = out.row(start + i).data();
            convolution.run(pixels.row(i).data(), values);
            if (options_.unit_rows) {
                divide_by_norm(values, out.cols());
            }
        }
    });
}

RowMatrix RandomConvFeatures::pooled(const RowMatrix& images,
                                     const FeatureProgress& progress) const {
    check_width(images, options_.shape);
    RowMatrix result(images.rows(), options_.filters * options_.grid * options_.grid);
    for (Eigen::Index start = 0; start < images.rows(); start += piece) {
        const Eigen::Index rows = std::min(piece, images.rows() - start);
        pool(images, start, result.middleRows(start, rows));
        if (progress) {
            progress(start + rows, images.rows());
        }
    }
    return result;
}

void RandomConvFeatures::fit_rows(const RowMatrix& images, const Eigen::VectorXd& row_weights,
                                  const FeatureProgress& progress) {
    check_width(images, options_.shape);
    require(images.rows() >= 2, ErrorCode::bad_input,
            "{} training images are too few: principal components need 2 or more", images.rows());
    // Scaled images would all round to black and white.
    require(!(images.maxCoeff() <= 1.0) || images.maxCoeff() <= 0.0, ErrorCode::bad_input,
            "the brightest pixel of {} training images is {}: pixels range from 0 to 255; multiply "
            "images scaled to 0..1 by 255",
            images.rows(), images.maxCoeff());
    components_ = fit_principal_components(pooled(images, progress), options_.components,
                                           options_.whitening, options_.ridge, row_weights);
}

void RandomConvFeatures::complete(PrincipalComponents components) {
    const Eigen::Index features = options_.filters * options_.grid * options_.grid;
    require(components.inputs() == features && components.mean.size() == features &&
                components.components() <= options_.components,
            ErrorCode::invalid_argument,
            "a {} x {} projection does not fit {} features and {} components", components.inputs(),
            components.components(), features, options_.components);
    components_ = std::move(components);
}

const PrincipalComponents& RandomConvFeatures::fitted_components() const {
    if (!components_) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("the {} extractor has not been fitted: call fit() with the "
                                "training images first",
                                kind));
    }
    return *components_;
}

RowMatrix RandomConvFeatures::transform_rows(const RowMatrix& images,
                                             const FeatureProgress& progress) const {
    const PrincipalComponents& components = fitted_components();
    check_width(images, options_.shape);
    // Piece by piece, so that the pooled features of a large data set never exist all at once.
    RowMatrix features(std::min(piece, images.rows()),
                       options_.filters * options_.grid * options_.grid);
    RowMatrix result(images.rows(), components.components());
    for (Eigen::Index start = 0; start < images.rows(); start += piece) {
        const Eigen::Index rows = std::min(piece, images.rows() - start);
        features.conservativeResize(rows, Eigen::NoChange);
        pool(images, start, features);
        result.middleRows(start, rows) = components.project(features);
        progress(start + rows, images.rows());
    }
    return result;
}

// In units of a white pixel, as the mean over a cell is.
nlohmann::json RandomConvFeatures::steps() const {
    const double unit = 255.0 * filter_unit;
    nlohmann::json steps =
        nlohmann::json::array({{{"op", "pool_convolutions"},
                                {"height", options_.shape.height},
                                {"width", options_.shape.width},
                                {"filter_size", options_.filter_size},
                                {"grid", options_.grid},
                                {"threshold", std::round(options_.threshold * unit) / unit},
                                {"filters", json_rows(filters_.cast<double>() / unit)}}});
    if (options_.unit_rows) {
        steps.push_back({{"op", "unit_rows"}});
    }
    steps.push_back(projection_step(fitted_components()));
    return steps;
}

nlohmann::json RandomConvFeatures::state() const {
    return random_conv_state(options_, filters_, fitted_components());
}

Expected<std::unique_ptr<FeatureExtractor>> RandomConvFeatures::from_json(
    const nlohmann::json& json) {
    Expected<RandomConvState> state = read_random_conv_state(json);
    if (!state) {
        return tl::unexpected(state.error());
    }
    std::unique_ptr<RandomConvFeatures> extractor;
    try {
        extractor = create(state->options);
        extractor->complete(std::move(state->components));
    } catch (const Error& error) {
        return make_error(ErrorCode::corrupt_data, "feature extractor state: {}", error.what());
    }
    if (state->filters_sha256 != filter_bank_fingerprint(extractor->filters_)) {
        return make_error(ErrorCode::corrupt_data,
                          "feature extractor state: the filters of seed {} have another "
                          "fingerprint than {}",
                          extractor->options_.seed, state->filters_sha256);
    }
    return std::unique_ptr<FeatureExtractor>(std::move(extractor));
}

}  // namespace cipherfit
