#include "backbone/convolution.h"

#include "backbone/filter_bank.h"

#include <algorithm>

namespace cipherfit {

PooledConvolution::PooledConvolution(const ConvolutionShape& shape, const FloatRows& filters,
                                     float threshold)
    : shape_(shape), filters_(filters), threshold_(threshold) {}

void PooledConvolution::run(const float* pixels, double* out) {
    const Eigen::Index p = shape_.filter_size;
    const Eigen::Index grid = shape_.grid;
    const Eigen::Index columns = shape_.columns();
    const Eigen::Index count = filters_.rows();
    Eigen::Map<Eigen::VectorXd>(out, grid * grid * count).setZero();

    // One band of cells at a time: the patches of a band stay in the cache.
    for (Eigen::Index gy = 0; gy < grid; ++gy) {
        const Eigen::Index top = gy * shape_.rows() / grid;
        const Eigen::Index bottom = (gy + 1) * shape_.rows() / grid;
        patches_.resize((bottom - top) * columns, p * p);
        for (Eigen::Index y = top; y < bottom; ++y) {
            for (Eigen::Index x = 0; x < columns; ++x) {
                float* patch = patches_.row((y - top) * columns + x).data();
                for (Eigen::Index dy = 0; dy < p; ++dy) {
                    const float* source = pixels + (y + dy) * shape_.width + x;
                    patch = std::copy(source, source + p, patch);
                }
            }
        }
        responses_.noalias() = patches_ * filters_.transpose();

        for (Eigen::Index gx = 0; gx < grid; ++gx) {
            const Eigen::Index left = gx * columns / grid;
            const Eigen::Index right = (gx + 1) * columns / grid;
            Eigen::Map<Eigen::RowVectorXd> cell(out + (gy * grid + gx) * count, count);
            for (Eigen::Index y = 0; y < bottom - top; ++y) {
                for (Eigen::Index x = left; x < right; ++x) {
                    const auto response = responses_.row(y * columns + x).array();
                    cell.array() += (response - threshold_).max(0.0F).cast<double>();
                }
            }
            cell /= static_cast<double>((bottom - top) * (right - left)) * 255.0 * filter_unit;
        }
    }
}

}  // namespace cipherfit
