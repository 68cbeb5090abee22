#include "backbone/random_fourier.h"

#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include <Eigen/QR>

namespace cipherfit {
namespace {

// Rows per product: fixed, and the last block filled up with zeros, so that the order of additions
// for a row depends neither on the number of rows nor on the number of threads.
constexpr Eigen::Index rows_of_a_block = 64;

// The same numbers with every standard library, whose own distributions differ.
class Generator {
  public:
    explicit Generator(std::uint64_t seed) : engine_(seed) {}

    // In (0, 1].
    double uniform() { return (static_cast<double>(engine_() >> 11U) + 1.0) * 0x1p-53; }
    // The first of Box and Muller's pair.
    double gaussian() {
        const double radius = std::sqrt(-2.0 * std::log(uniform()));
        return radius * std::cos(2.0 * std::numbers::pi * uniform());
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace

RandomFourier::RandomFourier(Eigen::Index inputs, Eigen::Index cosines, double gamma,
                             std::uint64_t seed)
    : frequencies_(inputs, cosines), phases_(cosines) {
    Generator generator(seed);
    for (Eigen::Index start = 0; start < cosines; start += inputs) {
        const Eigen::Index width = std::min(inputs, cosines - start);
        Eigen::MatrixXd gaussian(inputs, width);
        for (Eigen::Index j = 0; j < width; ++j) {
            for (Eigen::Index i = 0; i < inputs; ++i) {
                gaussian(i, j) = generator.gaussian();
            }
        }
        const Eigen::VectorXd norms = gaussian.colwise().norm();
        const Eigen::HouseholderQR<Eigen::MatrixXd> qr(gaussian);
        frequencies_.middleCols(start, width) =
            qr.householderQ() * Eigen::MatrixXd::Identity(inputs, width);
        // The norms of other vectors: independent of the directions.
        for (Eigen::Index j = 0; j < width; ++j) {
            frequencies_.col(start + j) *= std::sqrt(2.0 * gamma) * norms((j + 1) % width);
        }
    }
    for (double& phase : phases_) {
        phase = 2.0 * std::numbers::pi * generator.uniform();
    }
}

RowMatrix RandomFourier::operator()(const RowMatrix& rows) const {
    RowMatrix result(rows.rows(), cosines());
    const double scale = std::sqrt(2.0 / static_cast<double>(cosines()));
    const Eigen::Index blocks = (rows.rows() + rows_of_a_block - 1) / rows_of_a_block;
    parallel_for(0, static_cast<std::size_t>(blocks), [&](std::size_t index) {
        const Eigen::Index start = static_cast<Eigen::Index>(index) * rows_of_a_block;
        const Eigen::Index height = std::min(rows_of_a_block, rows.rows() - start);
        RowMatrix part = RowMatrix::Zero(rows_of_a_block, rows.cols());
        part.topRows(height) = rows.middleRows(start, height);
        RowMatrix angles(rows_of_a_block, cosines());
        angles.noalias() = part * frequencies_;
        for (Eigen::Index i = 0; i < height; ++i) {
            for (Eigen::Index j = 0; j < cosines(); ++j) {
                result(start + i, j) = scale * std::cos(angles(i, j) + phases_(j));
            }
        }
    });
    return result;
}

}  // namespace cipherfit
