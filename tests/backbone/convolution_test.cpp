#include "backbone/convolution.h"

#include "backbone/filter_bank.h"
#include "sample_images.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cipherfit {
namespace {

// The definition, pixel by pixel in 64-bit whole numbers.
std::vector<double> naive(const std::vector<std::int64_t>& image, const ConvolutionShape& shape,
                          const FloatRows& filters, std::int64_t threshold) {
    const Eigen::Index p = shape.filter_size;
    const Eigen::Index rows = shape.height - p + 1;
    const Eigen::Index columns = shape.width - p + 1;
    std::vector<double> out;
    for (Eigen::Index gy = 0; gy < shape.grid; ++gy) {
        for (Eigen::Index gx = 0; gx < shape.grid; ++gx) {
            for (Eigen::Index f = 0; f < filters.rows(); ++f) {
                std::int64_t sum = 0;
                std::int64_t positions = 0;
                for (Eigen::Index y = 0; y < rows; ++y) {
                    for (Eigen::Index x = 0; x < columns; ++x) {
                        // y belongs to cell gy where gy <= y grid / rows is met with the floors of
                        // the cells' edges.
                        if (y < gy * rows / shape.grid || y >= (gy + 1) * rows / shape.grid ||
                            x < gx * columns / shape.grid || x >= (gx + 1) * columns / shape.grid) {
                            continue;
                        }
                        std::int64_t response = -threshold;
                        for (Eigen::Index i = 0; i < p * p; ++i) {
                            const auto pixel =
                                static_cast<std::size_t>((y + i / p) * shape.width + x + i % p);
                            response += static_cast<std::int64_t>(filters(f, i)) * image[pixel];
                        }
                        sum += std::max<std::int64_t>(response, 0);
                        ++positions;
                    }
                }
                out.push_back(static_cast<double>(sum) /
                              (static_cast<double>(positions) * 255.0 * 256.0));
            }
        }
    }
    return out;
}

void expect_naive(const ConvolutionShape& shape, Eigen::Index filters, std::int64_t threshold,
                  const std::vector<float>& image) {
    const FloatRows bank = make_filter_bank(5, filters, shape.filter_size);
    PooledConvolution convolution(shape, bank, static_cast<float>(threshold));
    std::vector<double> out(static_cast<std::size_t>(filters * shape.grid * shape.grid), -1.0);
    convolution.run(image.data(), out.data());
    const std::vector<std::int64_t> whole(image.begin(), image.end());
    EXPECT_EQ(out, naive(whole, shape, bank, threshold));
}

std::vector<float> one_image(const ConvolutionShape& shape, std::uint32_t seed = 1) {
    const RowMatrix images = sample_images(1, {shape.height, shape.width}, seed);
    return {images.data(), images.data() + images.size()};
}

RC_GTEST_PROP(Convolution, EqualsTheNaiveLoopExactly, ()) {
    ConvolutionShape shape;
    shape.filter_size = *rc::gen::inRange<Eigen::Index>(2, 8);
    shape.height = shape.filter_size + *rc::gen::inRange<Eigen::Index>(0, 12);
    shape.width = shape.filter_size + *rc::gen::inRange<Eigen::Index>(0, 12);
    shape.grid = *rc::gen::inRange<Eigen::Index>(1, std::min(shape.rows(), shape.columns()) + 1);
    const auto filters = *rc::gen::inRange<Eigen::Index>(1, 6);
    const auto threshold = *rc::gen::inRange<std::int64_t>(0, 40000);
    expect_naive(shape, filters, threshold, one_image(shape, *rc::gen::arbitrary<std::uint32_t>()));
}

TEST(Convolution, PoolsOneCellOverTheWholeImage) {
    const ConvolutionShape shape{9, 13, 3, 1};
    expect_naive(shape, 5, 1000, one_image(shape));
}

TEST(Convolution, PoolsSinglePositions) {
    const ConvolutionShape shape{7, 7, 3, 5};
    expect_naive(shape, 5, 0, one_image(shape));
}

TEST(Convolution, TakesAFilterOfTheImagesSize) {
    const ConvolutionShape shape{6, 6, 6, 1};
    expect_naive(shape, 3, 0, one_image(shape));
}

TEST(Convolution, SplitsRowsThatTheGridDoesNotDivide) {
    const ConvolutionShape shape{12, 9, 2, 4};  // 11 x 8 positions in 4 x 4 cells
    expect_naive(shape, 4, 500, one_image(shape));
}

TEST(Convolution, StaysExactWithTheLargestFilterAndTheBrightestImage) {
    const ConvolutionShape shape{40, 40, 15, 1};
    expect_naive(shape, 8, 0, std::vector<float>(1600, 255.0F));
    std::vector<float> stripes(1600, 0.0F);
    for (std::size_t i = 0; i < stripes.size(); i += 3) {
        stripes[i] = 255.0F;
    }
    expect_naive(shape, 8, 1, stripes);
}

TEST(Convolution, ForgetsTheImageBefore) {
    const ConvolutionShape shape{10, 10, 3, 2};
    const FloatRows bank = make_filter_bank(5, 4, 3);
    PooledConvolution convolution(shape, bank, 100.0F);
    const std::vector<float> image = one_image(shape);
    std::vector<double> first(16);
    std::vector<double> between(16);
    std::vector<double> again(16);
    convolution.run(image.data(), first.data());
    convolution.run(one_image(shape, 9).data(), between.data());
    convolution.run(image.data(), again.data());
    EXPECT_EQ(first, again);
    EXPECT_NE(first, between);
}

}  // namespace
}  // namespace cipherfit
