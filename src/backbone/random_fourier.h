// Random Fourier features of the kernel exp(-gamma |x - x'|^2), after A. Rahimi and B. Recht,
// 'Random features for large-scale kernel machines', NeurIPS 2007, with orthogonal frequencies (F.
// Yu et al., 'Orthogonal random features', NeurIPS 2016):
//
//     phi_j(x) = sqrt(2 / D) cos(w_j . x + b_j),   w_j = sqrt(2 gamma) chi_j q_j
//
// In blocks of as many as x has values the q_j are orthonormal, the columns of Q in the QR
// decomposition of a Gaussian matrix; chi_j is the norm of a Gaussian vector of that length, b_j is
// uniform in [0, 2 pi). All follow from a public seed, none from data.
#pragma once

#include "cipherfit/io/matrix.h"

#include <cstdint>

#include <Eigen/Core>

namespace cipherfit {

class RandomFourier {
  public:
    // inputs >= 1, cosines >= 1, gamma > 0.
    RandomFourier(Eigen::Index inputs, Eigen::Index cosines, double gamma, std::uint64_t seed);

    Eigen::Index inputs() const noexcept { return frequencies_.rows(); }
    Eigen::Index cosines() const noexcept { return frequencies_.cols(); }
    const Eigen::MatrixXd& frequencies() const noexcept { return frequencies_; }  // column j: w_j
    const Eigen::RowVectorXd& phases() const noexcept { return phases_; }         // b

    // phi of each row: n x D. A row of the result depends on its own row alone, to the last bit.
    RowMatrix operator()(const RowMatrix& rows) const;

  private:
    Eigen::MatrixXd frequencies_;  // inputs x D
    Eigen::RowVectorXd phases_;    // D
};

}  // namespace cipherfit
