// From a picture to the input of a network.
#pragma once

#include "backbone/cnn/image.h"
#include "backbone/cnn/network_description.h"

#include <opencv2/core.hpp>

namespace cipherfit {

// A view of the picture's pixels, for reading: OpenCV has no type for constant ones.
cv::Mat as_matrix(const Image& image);

// The picture's middle of the shape height x width, or all of it where it is to be stretched,
// resized: bilinear where it grows, by areas where it shrinks.
cv::Mat resized(const cv::Mat& image, Resize resize, int height, int width);

// 1 x channels x height x width floats: the picture's middle of that shape, or all of it where the
// description stretches, resized (bilinear where it grows, by areas where it shrinks), its channels
// converted, each value p as (p - mean) * scale.
cv::Mat network_input(const Image& image, const NetworkDescription& description, int height,
                      int width);

}  // namespace cipherfit
