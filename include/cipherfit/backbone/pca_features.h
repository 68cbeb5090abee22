// Features of a network, or of any source, reduced to their leading principal components.
//
//     x = ((f - mean) P) diag(std^-whitening)       P, mean and std of the training rows
//
// Few iterations must do, so the directions must be of like size: without whitening the leading
// components take all of the step, with full whitening noise gets as large a share as signal. Half
// way, and 112 components, did best on features of EfficientNet-Lite0 from 128 images of MNIST
// (docs/design/preprocessing.md has the curves). The common factor that gives the rows unit RMS
// norm belongs to cipherfit/train/owner/preprocess.h.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/backbone/pca.h"

#include <optional>

namespace cipherfit {

struct PcaOptions {
    // Components to keep. 0: 112, or as many as there are. Otherwise fit() refuses what is above
    // the rank of the training rows, which is at most their number less one.
    Eigen::Index components = 0;
    double whitening = 0.5;  // 0 (plain principal components) to 1 (equal variances)
    double ridge = 0.0;      // 0..1, see pca.h
    // Whether fewer than were asked for will do where the rank is lower.
    bool at_most = false;
};

// Takes rows of any finite numbers. fit() throws Error (bad_input) for fewer than 2 rows, equal
// rows, or more components than the rank.
class PcaFeatures final : public FeatureExtractor {
  public:
    static constexpr const char* kind = "pca";
    static constexpr Eigen::Index default_components = 112;

    // Throws Error (invalid_argument) for options outside their ranges.
    static std::unique_ptr<PcaFeatures> create(const PcaOptions& options);

    std::string name() const override { return kind; }
    // 0 before fit().
    Eigen::Index input_dimension() const override;
    Eigen::Index output_dimension() const override;
    nlohmann::json state() const override;
    nlohmann::json steps() const override;

    // The extractor of a state(). Errors as feature_extractor_from_json().
    static Expected<std::unique_ptr<FeatureExtractor>> from_json(const nlohmann::json& json);

    double whitening() const noexcept { return options_.whitening; }
    // Throws Error (invalid_argument) before fit().
    const PrincipalComponents& components() const { return fitted(); }

  private:
    explicit PcaFeatures(const PcaOptions& options) : options_(options) {}
    const PrincipalComponents& fitted() const;
    void fit_rows(const RowMatrix& rows, const Eigen::VectorXd& row_weights,
                  const FeatureProgress& progress) override;
    RowMatrix transform_rows(const RowMatrix& rows, const FeatureProgress& progress) const override;

    PcaOptions options_;
    std::optional<PrincipalComponents> components_;
};

}  // namespace cipherfit
