// Two feature extractors in a row: the second takes the features of the first. For images, random
// convolutions (random_conv.h) whose components get random Fourier features (whitened_features.h).
#pragma once

#include "cipherfit/backbone/feature_extractor.h"

#include <memory>

namespace cipherfit {

class ChainedFeatures final : public FeatureExtractor {
  public:
    static constexpr const char* kind = "chain";

    // Neither is null. Throws Error (invalid_argument).
    static std::unique_ptr<ChainedFeatures> create(std::unique_ptr<FeatureExtractor> first,
                                                   std::unique_ptr<FeatureExtractor> second);

    // The kinds of both, with a plus sign between.
    std::string name() const override { return first_->name() + "+" + second_->name(); }
    Eigen::Index input_dimension() const override { return first_->input_dimension(); }
    Eigen::Index output_dimension() const override { return second_->output_dimension(); }
    nlohmann::json state() const override;
    nlohmann::json steps() const override;

    // The extractor of a state(). Errors as feature_extractor_from_json(); a chain in a chain is
    // refused.
    static Expected<std::unique_ptr<FeatureExtractor>> from_json(const nlohmann::json& json);

    const FeatureExtractor& first() const noexcept { return *first_; }
    const FeatureExtractor& second() const noexcept { return *second_; }

  private:
    ChainedFeatures(std::unique_ptr<FeatureExtractor> first,
                    std::unique_ptr<FeatureExtractor> second);
    void fit_rows(const RowMatrix& rows, const Eigen::VectorXd& row_weights,
                  const FeatureProgress& progress) override;
    RowMatrix transform_rows(const RowMatrix& rows, const FeatureProgress& progress) const override;

    std::unique_ptr<FeatureExtractor> first_, second_;
};

}  // namespace cipherfit
