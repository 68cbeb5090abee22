#include "backbone/cnn/image_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace cipherfit {
namespace {

// The middle of the picture that has the shape of height x width.
cv::Rect middle(const cv::Mat& image, int height, int width) {
    const double rows =
        std::min<double>(image.rows, static_cast<double>(image.cols) * height / width);
    const double columns =
        std::min<double>(image.cols, static_cast<double>(image.rows) * width / height);
    const int kept_rows = std::max(1, static_cast<int>(std::lround(rows)));
    const int kept_columns = std::max(1, static_cast<int>(std::lround(columns)));
    return {(image.cols - kept_columns) / 2, (image.rows - kept_rows) / 2, kept_columns, kept_rows};
}

// Grey pictures stay grey: where the network wants three channels, all three are that one.
cv::Mat with_channels(const cv::Mat& image, Channels channels) {
    cv::Mat result = image;
    if (image.channels() == 3 && channels == Channels::grey) {
        cv::cvtColor(image, result, cv::COLOR_RGB2GRAY);
    } else if (image.channels() == 3 && channels == Channels::bgr) {
        cv::cvtColor(image, result, cv::COLOR_RGB2BGR);
    }
    return result;
}

}  // namespace

cv::Mat as_matrix(const Image& image) {
    return {image.height, image.width, image.channels == 1 ? CV_8UC1 : CV_8UC3,
            const_cast<std::uint8_t*>(image.pixels.data())};
}

cv::Mat resized(const cv::Mat& image, Resize resize, int height, int width) {
    // Cut first, so that a long and narrow picture never becomes a huge one.
    const cv::Mat part = resize == Resize::crop ? image(middle(image, height, width)) : image;
    const bool grows = height > part.rows || width > part.cols;
    cv::Mat result;
    cv::resize(part, result, {width, height}, 0, 0, grows ? cv::INTER_LINEAR : cv::INTER_AREA);
    return result;
}

cv::Mat network_input(const Image& image, const NetworkDescription& description, int height,
                      int width) {
    const cv::Mat picture = resized(with_channels(as_matrix(image), description.channels),
                                    description.resize, height, width);
    const int channels = description.channel_count();
    const std::array<int, 4> shape{1, channels, height, width};
    cv::Mat input(4, shape.data(), CV_32F);
    for (int channel = 0; channel < channels; ++channel) {
        const int source = picture.channels() == 1 ? 0 : channel;
        const auto at = static_cast<std::size_t>(channel);
        for (int row = 0; row < height; ++row) {
            const std::uint8_t* from = picture.ptr<std::uint8_t>(row) + source;
            float* to = input.ptr<float>(0, channel, row);
            for (int column = 0; column < width; ++column) {
                const double value = from[static_cast<std::ptrdiff_t>(column) * picture.channels()];
                to[column] =
                    static_cast<float>((value - description.mean[at]) * description.scale[at]);
            }
        }
    }
    return input;
}

}  // namespace cipherfit
