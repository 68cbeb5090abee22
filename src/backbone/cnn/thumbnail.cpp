#include "backbone/cnn/thumbnail.h"

#include "backbone/cnn/image_input.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace cipherfit {

PictureShape thumbnail_shape(int height, int width, int channels) {
    const double factor =
        std::min(1.0, static_cast<double>(thumbnail_side) / std::max(height, width));
    const auto side = [factor](int pixels) {
        return static_cast<std::size_t>(std::max(1L, std::lround(pixels * factor)));
    };
    return {side(height), side(width), static_cast<std::size_t>(channels)};
}

Image thumbnail(const Image& image, const PictureShape& shape) {
    Image result{static_cast<int>(shape.height),
                 static_cast<int>(shape.width),
                 static_cast<int>(shape.channels),
                 {}};
    result.pixels.resize(shape.bytes());
    cv::Mat target(result.height, result.width, result.channels == 1 ? CV_8UC1 : CV_8UC3,
                   result.pixels.data());
    const cv::Mat small = resized(as_matrix(image), Resize::crop, result.height, result.width);
    if (image.channels < result.channels) {
        cv::cvtColor(small, target, cv::COLOR_GRAY2RGB);
    } else {
        small.copyTo(target);
    }
    return result;
}

}  // namespace cipherfit
