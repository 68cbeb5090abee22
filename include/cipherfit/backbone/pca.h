// Principal components of a sample, with partial whitening.
//
//     C = F - 1 mean^T,   C^T C / n = sum_j std_j^2 v_j v_j^T,   std_1 >= std_2 >= ...
//     project(F) = (F - 1 mean^T) [v_1 .. v_k] diag((std_j^2 + ridge T)^(-whitening / 2))
//
// T = sum_j std_j^2 is the total variance, so that the ridge does not depend on the features' unit.
// With whitening 1, least squares on the projections without a penalty is ridge regression on the
// components. Row weights w_i, of mean 1, make mean^T = w^T F / n and C^T diag(w) C of the sums.
//
// The eigen-decomposition is of C^T C or of C C^T, whichever is smaller. The sign of v_j is the one
// that makes its entry of largest magnitude positive.
#pragma once

#include "cipherfit/io/matrix.h"

#include <Eigen/Core>

namespace cipherfit {

struct PrincipalComponents {
    Eigen::VectorXd mean;                // D
    Eigen::VectorXd standard_deviation;  // k, descending, > 0
    RowMatrix projection;                // D x k: what centred rows are multiplied by
    double total_variance = 0.0;         // T of the fit; 0 in components that were read

    Eigen::Index inputs() const noexcept { return projection.rows(); }
    Eigen::Index components() const noexcept { return projection.cols(); }

    // rows: n x D; the result is n x k. A row of the result depends on its own row alone, to the
    // last bit, whatever n is.
    RowMatrix project(const RowMatrix& rows) const;
};

// The min(components, rank) leading components of `sample` (n x D, n >= 2, finite), where rank
// counts the standard deviations above 1e-6 of the largest. components >= 1, whitening 0..1, ridge
// 0..1. `row_weights`: n values >= 0 with a sum > 0, of which the quotients matter; empty: all rows
// weigh the same. Throws Error (bad_input) when all rows are equal, (invalid_argument) for
// arguments out of range.
PrincipalComponents fit_principal_components(const RowMatrix& sample, Eigen::Index components,
                                             double whitening, double ridge = 0.0,
                                             const Eigen::VectorXd& row_weights = {});

// The same of a covariance that was made elsewhere, of rows that nobody has all of. Throws as
// above; the covariance is symmetric, and its lower triangle is read.
PrincipalComponents components_of_covariance(const Eigen::VectorXd& mean,
                                             const Eigen::MatrixXd& covariance,
                                             Eigen::Index components, double whitening,
                                             double ridge = 0.0);

// Throws Error(invalid_argument) unless there are 0..16384 components and whitening and ridge are
// in 0..1.
void require_projection(Eigen::Index components, double whitening, double ridge);

}  // namespace cipherfit
