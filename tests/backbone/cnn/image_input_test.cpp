#include "backbone/cnn/image_input.h"

#include <numeric>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

Image flat(int height, int width, std::vector<std::uint8_t> colour) {
    Image image{height, width, static_cast<int>(colour.size()), {}};
    for (int i = 0; i < height * width; ++i) {
        image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
    }
    return image;
}

NetworkDescription plain() {
    NetworkDescription description;
    description.mean = {0, 0, 0};
    description.scale = {1, 1, 1};
    return description;
}

TEST(NetworkInput, ScalesEveryChannelByItsOwnNumbers) {
    NetworkDescription description;
    description.mean = {10, 20, 30};
    description.scale = {1, 2, 3};
    for (const auto channels : {Channels::rgb, Channels::bgr}) {
        description.channels = channels;
        const cv::Mat input = network_input(flat(3, 3, {50, 60, 70}), description, 2, 2);
        ASSERT_EQ(input.total(), 12U);
        const auto* values = input.ptr<float>();
        const bool rgb = channels == Channels::rgb;
        EXPECT_EQ(values[0], rgb ? 40 : 60);
        EXPECT_EQ(values[4], 80);
        EXPECT_EQ(values[8], rgb ? 120 : 60);
    }
}

TEST(NetworkInput, GreyPicturesFillEveryChannelAndColoursBecomeGrey) {
    const cv::Mat three = network_input(flat(3, 3, {90}), plain(), 3, 3);
    for (std::size_t i = 0; i < three.total(); ++i) {
        EXPECT_EQ(three.ptr<float>()[i], 90);
    }
    NetworkDescription grey = plain();
    grey.channels = Channels::grey;
    const cv::Mat one = network_input(flat(3, 3, {255, 0, 0}), grey, 3, 3);
    ASSERT_EQ(one.total(), 9U);
    EXPECT_NEAR(one.ptr<float>()[0], 0.299 * 255, 1);  // the weight of red in ITU-R BT.601
}

TEST(NetworkInput, OfTheSizeOfThePictureIsThePicture) {
    Image image{4, 5, 3, std::vector<std::uint8_t>(60)};
    std::iota(image.pixels.begin(), image.pixels.end(), 0);
    const cv::Mat input = network_input(image, plain(), 4, 5);
    for (int c = 0; c < 3; ++c) {
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(input.ptr<float>()[20 * c + i], 3 * i + c);
        }
    }
}

// A line of ten million pixels for a network of 224 x 224: only its middle is ever enlarged.
TEST(NetworkInput, CutsBeforeItEnlarges) {
    Image line = flat(1, 10'000'001, {7});
    line.pixels[5'000'000] = 200;
    const cv::Mat input = network_input(line, plain(), 224, 224);
    EXPECT_EQ(input.ptr<float>()[0], 200);
}

}  // namespace
}  // namespace cipherfit
