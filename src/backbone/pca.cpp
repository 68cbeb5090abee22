#include "cipherfit/backbone/pca.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

namespace cipherfit {
namespace {

// Rows per product: fixed, and the last block filled up with zeros, so that the order of additions
// for a row depends neither on the number of rows nor on the number of threads.
constexpr Eigen::Index block = 64;

// A decomposition of C^T C knows a standard deviation to the square root of the rounding error of
// the eigenvalues, some 1e-8 to 1e-7 of the largest.
constexpr double rank_tolerance = 1e-6;

// The lower triangle of rows^T rows, by column blocks.
Eigen::MatrixXd lower_gram(const Eigen::MatrixXd& rows) {
    const Eigen::Index size = rows.cols();
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(size, size);
    const Eigen::Index blocks = (size + block - 1) / block;
    parallel_for(0, static_cast<std::size_t>(blocks), [&](std::size_t index) {
        const Eigen::Index start = static_cast<Eigen::Index>(index) * block;
        const Eigen::Index width = std::min(block, size - start);
        gram.block(start, start, size - start, width).noalias() =
            rows.rightCols(size - start).transpose() * rows.middleCols(start, width);
    });
    return gram;
}

// Deviations of the components from eigenvalues that ascend, of `divisor` times the covariance.
// Rounding may leave small ones below zero.
Eigen::VectorXd deviations_of(const Eigen::VectorXd& eigenvalues, double divisor) {
    return (eigenvalues.reverse().cwiseMax(0.0) / divisor).cwiseSqrt();
}

// How many of the first `components` are more than rounding.
Eigen::Index kept_of(const Eigen::VectorXd& deviation, Eigen::Index components) {
    Eigen::Index kept = 0;
    while (kept < std::min(components, deviation.size()) &&
           deviation(kept) > rank_tolerance * deviation(0)) {
        ++kept;
    }
    return kept;
}

// Turns unit vectors into columns of a projection: their signs, and the whitening.
void whiten(Eigen::MatrixXd& vectors, const Eigen::VectorXd& deviation, double whitening,
            double ridge, double total_variance) {
    for (Eigen::Index j = 0; j < vectors.cols(); ++j) {
        Eigen::Index largest = 0;
        vectors.col(j).cwiseAbs().maxCoeff(&largest);
        const double sign = vectors(largest, j) < 0.0 ? -1.0 : 1.0;
        const double scale =
            ridge > 0.0
                ? std::pow(deviation(j) * deviation(j) + ridge * total_variance, -0.5 * whitening)
                : std::pow(deviation(j), -whitening);
        vectors.col(j) *= sign * scale;
    }
}

}  // namespace

RowMatrix PrincipalComponents::project(const RowMatrix& rows) const {
    require(rows.cols() == inputs(), ErrorCode::invalid_argument,
            "principal components of {} values cannot project rows of {}", inputs(), rows.cols());
    RowMatrix result(rows.rows(), components());
    const Eigen::Index blocks = (rows.rows() + block - 1) / block;
    parallel_for(0, static_cast<std::size_t>(blocks), [&](std::size_t index) {
        const Eigen::Index start = static_cast<Eigen::Index>(index) * block;
        const Eigen::Index height = std::min(block, rows.rows() - start);
        RowMatrix centred = RowMatrix::Zero(block, inputs());
        centred.topRows(height) = rows.middleRows(start, height).rowwise() - mean.transpose();
        RowMatrix projected(block, components());
        projected.noalias() = centred * projection;
        result.middleRows(start, height) = projected.topRows(height);
    });
    return result;
}

PrincipalComponents fit_principal_components(const RowMatrix& sample, Eigen::Index components,
                                             double whitening, double ridge,
                                             const Eigen::VectorXd& row_weights) {
    const Eigen::Index n = sample.rows();
    require(n >= 2 && components >= 1 && whitening >= 0.0 && whitening <= 1.0 && ridge >= 0.0 &&
                ridge <= 1.0,
            ErrorCode::invalid_argument,
            "principal components need 2 rows or more, 1 component or more and a whitening and a "
            "ridge of 0 to 1, not {} rows, {} components, {} and {}",
            n, components, whitening, ridge);
    const bool weighted = row_weights.size() > 0;
    require(!weighted || (row_weights.size() == n && (row_weights.array() >= 0.0).all() &&
                          row_weights.sum() > 0.0 && row_weights.allFinite()),
            ErrorCode::invalid_argument,
            "principal components of {} rows need as many weights of 0 or more, not {}", n,
            row_weights.size());
    PrincipalComponents result;
    result.mean = weighted ? Eigen::VectorXd(sample.transpose() * row_weights / row_weights.sum())
                           : Eigen::VectorXd(sample.colwise().mean().transpose());
    Eigen::MatrixXd centred = sample.rowwise() - result.mean.transpose();
    if (weighted) {
        const Eigen::VectorXd factors =
            (row_weights * (static_cast<double>(n) / row_weights.sum())).cwiseSqrt();
        centred.array().colwise() *= factors.array();
    }
    const bool by_rows = n < sample.cols();
    const Eigen::MatrixXd gram =
        by_rows ? lower_gram(Eigen::MatrixXd(centred.transpose())) : lower_gram(centred);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
    require(solver.info() == Eigen::Success, ErrorCode::bad_input,
            "the principal components of {} rows of {} values did not converge: check the rows for "
            "values that are not finite",
            n, sample.cols());

    const Eigen::VectorXd deviation = deviations_of(solver.eigenvalues(), static_cast<double>(n));
    // The mean of equal rows may differ from them by its rounding.
    require(deviation(0) > 1e-12 * result.mean.cwiseAbs().maxCoeff(), ErrorCode::bad_input,
            "all {} rows are equal: there is nothing to learn from them", n);
    const Eigen::Index kept = kept_of(deviation, components);
    result.standard_deviation = deviation.head(kept);
    result.total_variance = deviation.squaredNorm();
    Eigen::MatrixXd vectors = solver.eigenvectors().rowwise().reverse().leftCols(kept);
    if (by_rows) {
        // From the eigenvectors u of C C^T: v = C^T u / |C^T u|.
        vectors = (centred.transpose() * vectors).eval();
        vectors.colwise().normalize();
    }
    whiten(vectors, deviation, whitening, ridge, result.total_variance);
    result.projection = vectors;
    return result;
}

PrincipalComponents components_of_covariance(const Eigen::VectorXd& mean,
                                             const Eigen::MatrixXd& covariance,
                                             Eigen::Index components, double whitening,
                                             double ridge) {
    require(mean.size() >= 1 && covariance.rows() == mean.size() &&
                covariance.cols() == mean.size() && components >= 1,
            ErrorCode::invalid_argument,
            "a covariance of {} x {} does not fit {} means and {} components", covariance.rows(),
            covariance.cols(), mean.size(), components);
    require_projection(components, whitening, ridge);
    require(mean.allFinite() && covariance.allFinite(), ErrorCode::bad_input,
            "the covariance holds values that are not finite");
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
    require(solver.info() == Eigen::Success, ErrorCode::bad_input,
            "the principal components of a covariance of {} values did not converge", mean.size());
    const Eigen::VectorXd deviation = deviations_of(solver.eigenvalues(), 1.0);
    require(deviation(0) > 1e-12 * mean.cwiseAbs().maxCoeff(), ErrorCode::bad_input,
            "all rows are equal: there is nothing to learn from them");
    PrincipalComponents result;
    result.mean = mean;
    const Eigen::Index kept = kept_of(deviation, components);
    result.standard_deviation = deviation.head(kept);
    result.total_variance = deviation.squaredNorm();
    Eigen::MatrixXd vectors = solver.eigenvectors().rowwise().reverse().leftCols(kept);
    whiten(vectors, deviation, whitening, ridge, result.total_variance);
    result.projection = vectors;
    return result;
}

void require_projection(Eigen::Index components, double whitening, double ridge) {
    constexpr Eigen::Index most_components = 16384;
    require(components >= 0 && components <= most_components, ErrorCode::invalid_argument,
            "{} principal components are outside 0..{}", components, most_components);
    require(whitening >= 0.0 && whitening <= 1.0, ErrorCode::invalid_argument,
            "a whitening of {} is outside 0..1", whitening);
    require(ridge >= 0.0 && ridge <= 1.0, ErrorCode::invalid_argument,
            "a ridge of {} is outside 0..1", ridge);
}

}  // namespace cipherfit
