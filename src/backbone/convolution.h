// One image through a filter bank: convolution, rectifier, mean pooling, in exact arithmetic.
#pragma once

#include <cstddef>

#include <Eigen/Core>

namespace cipherfit {

using FloatRows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct ConvolutionShape {
    Eigen::Index height = 0;
    Eigen::Index width = 0;
    Eigen::Index filter_size = 0;  // p <= height, width
    Eigen::Index grid = 0;         // <= height - p + 1, width - p + 1

    Eigen::Index rows() const noexcept { return height - filter_size + 1; }
    Eigen::Index columns() const noexcept { return width - filter_size + 1; }
};

// Convolves images one after the other; holds the scratch space, so one object per thread.
class PooledConvolution {
  public:
    // `filters`: F x p^2 whole numbers; kept by reference. Exact where every sum that occurs, at
    // most 255 max_f sum_i |w_fi|, is below 2^24: for filters of norm 256, p <= 15.
    // `threshold`: a whole number, subtracted before the rectifier.
    PooledConvolution(const ConvolutionShape& shape, const FloatRows& filters, float threshold);

    // pixels: height * width whole numbers 0..255. out: grid^2 F values,
    //     out[(gy grid + gx) F + f] = (sum over the cell of max(a_f - threshold, 0))
    //                                 / (positions in the cell * 255 * 256)
    // where cell (gy, gx) holds the rows floor(gy R / grid) .. floor((gy + 1) R / grid) - 1 of the
    // R rows of a_f, likewise the columns.
    void run(const float* pixels, double* out);

  private:
    ConvolutionShape shape_;
    const FloatRows& filters_;
    float threshold_;
    FloatRows patches_;    // one convolved row of positions x p^2
    FloatRows responses_;  // one convolved row of positions x F
};

}  // namespace cipherfit
