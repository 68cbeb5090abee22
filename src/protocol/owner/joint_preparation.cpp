#include "cipherfit/protocol/owner/joint_preparation.h"

#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/parties/pooled_sums.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <Eigen/Cholesky>

namespace cipherfit {
namespace {

Eigen::VectorXd numbers_of(const PooledSums& sums, std::string_view name) {
    const auto& values = sums.at(std::string(name));
    Eigen::VectorXd result(static_cast<Eigen::Index>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        result(static_cast<Eigen::Index>(i)) = from_fixed_point(values[i], joint_fraction_bits);
    }
    return result;
}

// What no rows have is not repaired: the bound on the error is proven for statistics of rows.
void require_possible(bool possible, std::string_view what) {
    require(
        possible, ErrorCode::bad_input,
        "the published sums are those of no rows ({}): a member's are false, and nothing may be "
        "trained under this charter",
        what);
}

// The eigenvalues' bound may be so much more than the number of rows, or the iterations would not
// reach the components that whitening leaves at about a half.
constexpr double most_slack = 0.1;
constexpr double most_of_rows = 1.5;
// What doubles round, of sums of squares: with room for any order of their additions.
constexpr double double_rounding = 1e-11;

double rows_of(const PooledSums& sums) {
    const std::uint64_t rows = sums.at(std::string(sum_rows))[0];
    require_possible(rows >= 1 && rows <= std::uint64_t{1} << 43U, "their number of rows");
    return static_cast<double>(rows);
}

// What rounding to fixed point moves a mean by, at most: half a unit for each contributor.
double mean_rounding(const CharterPlan& plan, double rows) {
    return plan.terms().task.contributors *
           std::ldexp(0.5, -static_cast<int>(joint_fraction_bits)) / rows;
}

void require_spread(double variance) {
    require(std::isfinite(variance) && variance > 0, ErrorCode::bad_input,
            "the pooled rows are all alike: there is nothing to train on");
}

// Variances of columns, 0 where they are no more than the sums' rounding.
Eigen::VectorXd variances_of(const CharterPlan& plan, const Eigen::VectorXd& squares,
                             const Eigen::VectorXd& mean, double rows) {
    Eigen::VectorXd variances = squares / rows - mean.cwiseAbs2();
    const double rounding = mean_rounding(plan, rows);
    for (Eigen::Index j = 0; j < mean.size(); ++j) {
        const double most = 4 * rounding * (1 + 2 * std::abs(mean(j)));
        require_possible(variances(j) >= -most - double_rounding * mean(j) * mean(j),
                         "a variance is below zero");
        if (!(variances(j) > most)) {
            variances(j) = 0;
        }
    }
    require_spread(variances.sum());
    return variances;
}

Eigen::VectorXd inverse_roots(const Eigen::VectorXd& variances) {
    return variances.unaryExpr([](double v) { return v > 0 ? 1 / std::sqrt(v) : 0.0; });
}

Eigen::MatrixXd covariance_of(const Eigen::VectorXd& products, const Eigen::VectorXd& mean,
                              double rows) {
    Eigen::MatrixXd covariance(mean.size(), mean.size());
    Eigen::Index next = 0;
    for (Eigen::Index i = 0; i < mean.size(); ++i) {
        for (Eigen::Index j = i; j < mean.size(); ++j) {
            covariance(i, j) = products(next++) / rows - mean(i) * mean(j);
            covariance(j, i) = covariance(i, j);
        }
    }
    return covariance;
}

// How far published means and covariance are from those of the rows, in the norms.
struct Rounding {
    double of_mean = 0, of_covariance = 0;
};
Rounding rounding_of(const CharterPlan& plan, const Eigen::VectorXd& mean, double total_variance,
                     double rows) {
    const auto features = static_cast<double>(mean.size());
    const double rounding = mean_rounding(plan, rows);
    Rounding result;
    result.of_mean = std::sqrt(features) * rounding;
    result.of_covariance = features * rounding +
                           2 * result.of_mean * (mean.norm() + result.of_mean) +
                           double_rounding * (total_variance + mean.squaredNorm());
    return result;
}

// A covariance has no eigenvalue below zero, but for its rounding.
void require_covariance(const CharterPlan& plan, const Eigen::VectorXd& mean,
                        const Eigen::MatrixXd& covariance, double rows) {
    Eigen::MatrixXd raised = covariance;
    raised.diagonal().array() +=
        rounding_of(plan, mean, std::max(covariance.trace(), 0.0), rows).of_covariance;
    require_possible(raised.llt().info() == Eigen::Success,
                     "an eigenvalue of their covariance is below zero");
}

// The charter's number of columns whatever the rank is: columns of zeros do nothing.
void fill_up(PrincipalComponents& components, Eigen::Index count) {
    const Eigen::Index kept = components.components();
    components.projection.conservativeResize(Eigen::NoChange, count);
    components.projection.rightCols(count - kept).setZero();
    components.standard_deviation.conservativeResize(count);
    components.standard_deviation.tail(count - kept).setZero();
}

// The bound of the eigenvalues of whitened columns, but for shortened rows.
double whitened_bound(const CharterPlan& plan, const PrincipalComponents& components, double rows) {
    const Rounding rounding = rounding_of(plan, components.mean, components.total_variance, rows);
    // |P|^2, and the rounding of the decomposition.
    const double most = 1 / (plan.terms().whitening_ridge * components.total_variance);
    const double slack = most * rounding.of_covariance + std::sqrt(most) * rounding.of_mean + 1e-6;
    require(slack <= most_slack, ErrorCode::bad_input,
            "{} rows are too few to whiten {} features: the sums' rounding may be {:.2f} of an "
            "eigenvalue, and {} is the most; write a charter with fewer features, a larger "
            "whitening ridge than {}, or components that are not whitened",
            rows, components.inputs(), slack, most_slack, plan.terms().whitening_ridge);
    return rows * (1 + slack);
}

RandomConvOptions convolutions_of(const CharterPlan& plan) {
    const JointMap& map = plan.terms().map;
    RandomConvOptions options;
    options.shape = {static_cast<Eigen::Index>(map.height), static_cast<Eigen::Index>(map.width)};
    options.filters = static_cast<Eigen::Index>(map.filters);
    options.filter_size = static_cast<Eigen::Index>(map.filter_size);
    options.grid = static_cast<Eigen::Index>(map.grid);
    options.threshold = map.threshold;
    options.unit_rows = map.unit_rows;
    options.seed = map.seed;
    options.components = static_cast<Eigen::Index>(plan.terms().columns()) - 1;
    return options;
}

WhitenedOptions cosines_of(const CharterPlan& plan) {
    const JointMap& map = plan.terms().map;
    WhitenedOptions options;
    options.cosines = true;
    options.cosine_count = static_cast<Eigen::Index>(map.cosines);
    options.width = map.rbf_width;
    options.seed = map.seed;
    options.components = static_cast<Eigen::Index>(plan.terms().columns()) - 1;
    return options;
}

PrincipalComponents prepared_features(const CharterPlan& plan, const PooledSums& sums,
                                      double rows) {
    const JointTerms& terms = plan.terms();
    const auto f = static_cast<Eigen::Index>(terms.mapped());
    PrincipalComponents result;
    result.mean = Eigen::VectorXd::Zero(f);
    result.standard_deviation = Eigen::VectorXd::Ones(f);
    result.projection = RowMatrix::Identity(f, f);
    if (terms.preparation == Preparation::none) {
        return result;
    }
    const bool mapped = terms.map.kind != JointMapKind::none;
    result.mean = numbers_of(sums, mapped ? sum_features : sum_columns) / rows;
    if (takes_components(terms.preparation)) {
        const bool whitened = terms.preparation == Preparation::whitened;
        const auto count = static_cast<Eigen::Index>(terms.components);
        const Eigen::MatrixXd covariance = covariance_of(
            numbers_of(sums, mapped ? sum_feature_products : sum_products), result.mean, rows);
        require_covariance(plan, result.mean, covariance, rows);
        result = components_of_covariance(result.mean, covariance, count, whitened ? 1 : 0,
                                          whitened ? terms.whitening_ridge : 0);
        if (!whitened) {
            result.projection /= result.standard_deviation.norm();
        }
        fill_up(result, count);
        return result;
    }
    const Eigen::VectorXd variances = variances_of(
        plan, numbers_of(sums, mapped ? sum_feature_squares : sum_squares), result.mean, rows);
    if (terms.preparation == Preparation::centred) {
        result.projection /= std::sqrt(variances.sum());
    } else {
        const auto used = static_cast<double>((variances.array() > 0).count());
        result.projection.diagonal() = inverse_roots(variances * used);
    }
    return result;
}

}  // namespace

Digest JointPreparation::digest() const {
    ByteWriter out;
    const auto write = [&](const auto& values) {
        out.u64(static_cast<std::uint64_t>(values.size()));
        for (const double value : values.reshaped()) {
            out.f64(value);
        }
    };
    write(columns.means);
    write(columns.factors);
    write(features.mean);
    write(features.projection);
    out.f64(scaling.rows);
    out.f64(scaling.largest_eigenvalue);
    return sha256(out.view());
}

JointDesign JointPreparation::design(const RowMatrix& values, double row_bound) const {
    JointDesign result;
    RowMatrix& rows = result.rows;
    rows.resize(values.rows(), features.components() + 1);
    rows.col(0).setOnes();
    rows.rightCols(features.components()) = features.project(values);
    const double longest = std::sqrt(row_bound * row_bound - 1);
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        auto row = rows.row(i).tail(features.components());
        const double length = row.norm();
        if (length > longest) {
            row *= longest / length;
            result.shortened += length - longest;
        }
    }
    return result;
}

void check_joint_map(const CharterPlan& plan) {
    try {
        if (plan.terms().map.kind == JointMapKind::random_conv) {
            RandomConvFeatures::create(convolutions_of(plan));
        } else if (plan.terms().map.kind == JointMapKind::rbf) {
            WhitenedFeatures::create(cosines_of(plan));
        }
    } catch (const Error& error) {
        throw Error(ErrorCode::bad_input, fmt::format("the charter's extractor cannot be made: {}",
                                                      error.info().message));
    }
}

JointColumns joint_columns(const CharterPlan& plan, const PooledSums& sums) {
    if (plan.terms().map.kind != JointMapKind::rbf) {
        return {};
    }
    const double rows = rows_of(sums);
    JointColumns columns{.means = numbers_of(sums, sum_columns) / rows, .factors = {}};
    columns.factors =
        inverse_roots(variances_of(plan, numbers_of(sums, sum_squares), columns.means, rows));
    return columns;
}

RowMatrix joint_features(const CharterPlan& plan, const JointColumns& columns,
                         const RowMatrix& rows) {
    switch (plan.terms().map.kind) {
        case JointMapKind::random_conv:
            // Scaled images would all round to black and white.
            require(rows.size() == 0 || rows.maxCoeff() > 1, ErrorCode::bad_input,
                    "the brightest pixel of {} images is {}: pixels range from 0 to 255; multiply "
                    "images scaled to 0..1 by 255",
                    rows.rows(), rows.maxCoeff());
            return RandomConvFeatures::create(convolutions_of(plan))->pooled(rows);
        case JointMapKind::rbf:
            return WhitenedFeatures::of_columns(cosines_of(plan), columns.means, columns.factors)
                ->before_components(rows);
        case JointMapKind::none:
            break;
    }
    return rows;
}

JointPreparation joint_preparation(const CharterPlan& plan, const PooledSums& sums) {
    JointPreparation result;
    const double rows = rows_of(sums);
    result.columns = joint_columns(plan, sums);
    result.features = prepared_features(plan, sums, rows);
    result.scaling.rows = rows;
    const bool whitened = plan.terms().preparation == Preparation::whitened;
    const double without_shortening = whitened ? whitened_bound(plan, result.features, rows) : 0;
    if (const auto bound = sums.find(sum_bound); bound != sums.end()) {
        double& largest = result.scaling.largest_eigenvalue;
        largest = from_fixed_point(bound->second[0], joint_fraction_bits);
        if (whitened) {
            require_possible(largest >= 0, "rows are made longer by shortening them");
            largest += without_shortening;
            require(largest <= most_of_rows * rows, ErrorCode::bad_input,
                    "too many rows are longer than {}, the charter's bound: shortening them moves "
                    "the bound of the eigenvalues to {:.2f} of the number of rows, and {} is the "
                    "most; write a charter with a larger bound, or leave out what lies far off",
                    plan.terms().row_bound, largest / rows, most_of_rows);
        } else {
            // The intercept's column alone has the number of rows.
            require_possible(largest >= rows, "their largest eigenvalue is below their number");
        }
    }
    return result;
}

std::unique_ptr<FeatureExtractor> joint_extractor(const CharterPlan& plan,
                                                  const JointPreparation& preparation) {
    switch (plan.terms().map.kind) {
        case JointMapKind::random_conv: {
            auto extractor = RandomConvFeatures::create(convolutions_of(plan));
            extractor->complete(preparation.features);
            return extractor;
        }
        case JointMapKind::rbf: {
            auto extractor = WhitenedFeatures::of_columns(
                cosines_of(plan), preparation.columns.means, preparation.columns.factors);
            extractor->complete(preparation.features);
            return extractor;
        }
        case JointMapKind::none:
            break;
    }
    return nullptr;
}

}  // namespace cipherfit
