// Image features without a pre-trained network: random convolutions, rectified and pooled, then
// principal components.
//
//     a_f  = w_f * image                               'valid' convolution, stride 1, F filters p x
//     p c_f  = mean over each cell of a grid x grid partition of max(a_f - threshold, 0) x    = ((c
//     - mean) P) diag(std^-whitening)       P, mean and std of the training images' c
//
// The filters are drawn from a public seed: zero-mean, of unit norm, rounded to multiples of 1/256.
// With pixels that are whole numbers every c is then a quotient of two exactly computed integers:
// bit for bit the same on every compiler, CPU and number of threads. x carries the rounding of the
// eigen-decomposition.
//
// Random filters come close to learned ones where pooling follows: K. Jarrett et al., 'What is the
// best multi-stage architecture for object recognition?', ICCV 2009; A. Saxe et al., 'On random
// weights and unsupervised feature learning', ICML 2011. The defaults were chosen on MNIST rows
// 55,000..58,999 with heads trained on 512 other images: whitening 0.75 rather than 0.25 is worth
// half a percent after 8 iterations, the threshold as much.
//
// With `unit_rows` c / |c| takes the place of c: how bright and how long the strokes of an image
// are drops out. An image of no answers at all keeps its zeros. Sum and root are those of IEEE
// doubles in one order, so that c / |c| is the same everywhere too.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/backbone/pca.h"

#include <cstdint>
#include <optional>

namespace cipherfit {

struct RandomConvOptions {
    ImageShape shape{28, 28};      // height and width 2..4096
    Eigen::Index filter_size = 5;  // p, 2..15 and at most the height and the width
    Eigen::Index filters = 64;     // F, 1..4096
    Eigen::Index grid = 4;         // cells per side, 1..(height, width) - p + 1; F grid^2 <= 16384
    double threshold = 0.3;        // 0..100, in units of a white pixel; rounded to 1/(255 * 256)
    // Principal components to keep: 1..F grid^2. Fewer come out where the training images have
    // fewer: n images have at most n - 1. 112 and a bias fit one lane of 128 slots for ten classes.
    Eigen::Index components = 112;
    double whitening = 0.75;  // 0 (plain principal components) to 1 (equal variances)
    double ridge = 0.0;       // 0..1, see pca.h
    bool unit_rows = false;   // divide the c of an image by their norm
    std::uint64_t seed = 1;   // public

    bool operator==(const RandomConvOptions&) const = default;
};

class RandomConvFeatures final : public FeatureExtractor {
  public:
    static constexpr const char* kind = "random-conv";

    // Throws Error (invalid_argument) for options outside their ranges.
    static std::unique_ptr<RandomConvFeatures> create(const RandomConvOptions& options);

    std::string name() const override { return kind; }
    Eigen::Index input_dimension() const override { return options_.shape.pixels(); }
    ImageShape input_shape() const noexcept { return options_.shape; }
    Eigen::Index output_dimension() const override;
    nlohmann::json state() const override;
    nlohmann::json steps() const override;

    // The extractor of a state(). Errors as feature_extractor_from_json().
    static Expected<std::unique_ptr<FeatureExtractor>> from_json(const nlohmann::json& json);

    const RandomConvOptions& options() const noexcept { return options_; }
    // c of each image, or c / |c|: n x F grid^2, column (cell row * grid + cell column) F + f.
    RowMatrix pooled(const RowMatrix& images, const FeatureProgress& progress = {}) const;
    // In the place of fit(): components that were learned elsewhere, such as from sums that several
    // owners publish. Throws Error(invalid_argument) unless they take c and are at most
    // options().components.
    void complete(PrincipalComponents components);

  private:
    using Filters = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

    explicit RandomConvFeatures(const RandomConvOptions& options);
    const PrincipalComponents& fitted_components() const;
    void fit_rows(const RowMatrix& images, const Eigen::VectorXd& row_weights,
                  const FeatureProgress& progress) override;
    RowMatrix transform_rows(const RowMatrix& images,
                             const FeatureProgress& progress) const override;
    // c of images [start, start + out.rows()).
    void pool(const RowMatrix& images, Eigen::Index start, Eigen::Ref<RowMatrix> out) const;

    RandomConvOptions options_;
    Filters filters_;  // F x p^2, in units of 1/256
    std::optional<PrincipalComponents> components_;
};

}  // namespace cipherfit
