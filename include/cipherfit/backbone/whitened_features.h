// Columns of a table, standardised and whitened, with or without random Fourier features between.
//
//     s = clip((f - mean) / std, -5, 5)                      a column's own mean and std
//     phi = s, or sqrt(2 / D) cos(W s + b)                   kinds standardised, rbf
//     x = (phi - mean) V diag((dev^2 + ridge T)^-1/2)        principal components, see pca.h
//
// Without the cosines x is linear in f wherever nothing is clipped, so that a head folds back to a
// weight for each column. The cosines approximate the kernel exp(-(width / d) |s - s'|^2) of d
// columns (random_fourier.h): a head on them can tell apart what no line separates. They follow
// from the seed alone. All means and deviations are those of the training rows; a column that
// varies there by no more than its rounding is left out.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/backbone/pca.h"

#include <cstdint>
#include <optional>

namespace cipherfit {

// How columns come to a common size before the cosines.
enum class ColumnScaling {
    each,    // by its own standard deviation, clipped
    common,  // all by one factor, which makes the mean square norm of a row the number of columns;
             // nothing is clipped: for columns that are components already
};

struct WhitenedOptions {
    bool cosines = false;              // kind rbf
    double width = 0.1;                // of rbf: gamma times the number of columns, in (0, 1e3]
    Eigen::Index cosine_count = 1024;  // of rbf: 1..16384
    ColumnScaling scaling = ColumnScaling::each;
    // Components to keep, fewer where the training rows have fewer. 0: all there are, at most 1023.
    Eigen::Index components = 0;
    double whitening = 1.0;  // 0 (plain principal components) to 1
    double ridge = 1e-3;     // 0..1, in units of the total variance
    std::uint64_t seed = 1;  // public, of the cosines
};

// Takes rows of any finite numbers. fit() throws Error (bad_input) for fewer than 2 rows, rows that
// are all equal, and values that are not finite or above 1e100.
class WhitenedFeatures final : public FeatureExtractor {
  public:
    static constexpr const char* standardised = "standardised";
    static constexpr const char* rbf = "rbf";
    static constexpr double clip = 5.0;

    // Throws Error (invalid_argument) for options outside their ranges.
    static std::unique_ptr<WhitenedFeatures> create(const WhitenedOptions& options);
    // With means and factors (column_factors()) of rows that were added up elsewhere: it can make
    // phi, and features once complete() has given it components. Throws as above.
    static std::unique_ptr<WhitenedFeatures> of_columns(const WhitenedOptions& options,
                                                        Eigen::VectorXd means,
                                                        Eigen::VectorXd factors);
    ~WhitenedFeatures() override;

    std::string name() const override { return options_.cosines ? rbf : standardised; }
    // 0 before fit().
    Eigen::Index input_dimension() const override { return mean_.size(); }
    Eigen::Index output_dimension() const override;
    nlohmann::json state() const override;
    nlohmann::json steps() const override;

    // The extractor of a state(). Errors as feature_extractor_from_json().
    static Expected<std::unique_ptr<FeatureExtractor>> from_json(const nlohmann::json& json);

    const WhitenedOptions& options() const noexcept { return options_; }
    // phi of each row (n x columns, or cosines): what components are of. Throws Error (bad_input)
    // as transform() does.
    RowMatrix before_components(const RowMatrix& rows) const;
    // In the place of fit()'s last step. Throws Error (invalid_argument) unless they take phi.
    void complete(PrincipalComponents components);
    // The components of phi. Throws Error (invalid_argument) before fit().
    const PrincipalComponents& components() const;
    // What standardising multiplies each column by, after its mean is taken away; 0 for a column
    // that is left out.
    const Eigen::VectorXd& column_factors() const noexcept { return factors_; }
    const Eigen::VectorXd& column_means() const noexcept { return mean_; }

    // Kind standardised: weights for rows as they are, c x (columns + 1), bias first, from weights
    // for the features of those rows, c x (features + 1). They give the same scores wherever
    // nothing is clipped. Throws Error (invalid_argument) for the kind rbf and other widths.
    RowMatrix column_weights(const RowMatrix& feature_weights) const;

  private:
    class Cosines;

    explicit WhitenedFeatures(const WhitenedOptions& options);
    RowMatrix phi(const RowMatrix& rows) const;
    void require_width(const RowMatrix& rows) const;
    void make_cosines();
    void fit_rows(const RowMatrix& rows, const Eigen::VectorXd& row_weights,
                  const FeatureProgress& progress) override;
    RowMatrix transform_rows(const RowMatrix& rows, const FeatureProgress& progress) const override;

    WhitenedOptions options_;
    Eigen::VectorXd mean_, factors_;
    std::unique_ptr<Cosines> cosines_;
    std::optional<PrincipalComponents> components_;
};

}  // namespace cipherfit
