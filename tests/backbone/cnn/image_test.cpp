#include "backbone/cnn/image.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <png.h>
#include <turbojpeg.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A ramp in every channel, so that a transposition or a swap shows.
Bytes ramp(int height, int width, int channels) {
    Bytes pixels;
    for (int i = 0; i < height; ++i) {
        for (int j = 0; j < width; ++j) {
            for (int c = 0; c < channels; ++c) {
                pixels.push_back(static_cast<std::uint8_t>(4 * i + 2 * j + 60 * c));
            }
        }
    }
    return pixels;
}

Bytes png(const Bytes& pixels, unsigned height, unsigned width, unsigned format) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.height = height;
    image.width = width;
    image.format = format;
    Bytes file(1U << 20U);
    png_alloc_size_t size = file.size();
    EXPECT_NE(png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr),
              0);
    file.resize(size);
    return file;
}

Bytes jpeg(const Bytes& pixels, int height, int width, int format) {
    const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), tjDestroy);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    EXPECT_EQ(tjCompress2(encoder.get(), pixels.data(), width, 0, height, format, &data, &size,
                          format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444, 100, 0),
              0);
    Bytes file(data, data + size);
    tjFree(data);
    return file;
}

TEST(DecodeImage, GivesThePixelsOfAPng) {
    const Bytes pixels = ramp(5, 7, 3);
    const auto image = decode_image(png(pixels, 5, 7, PNG_FORMAT_RGB));
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ((std::array{image->height, image->width, image->channels}), (std::array{5, 7, 3}));
    EXPECT_EQ(image->pixels, pixels);
}

TEST(DecodeImage, MakesGreyThreeEqualChannels) {
    const Bytes pixels = ramp(4, 3, 1);
    const auto image = decode_image(png(pixels, 4, 3, PNG_FORMAT_GRAY));
    ASSERT_TRUE(image);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        for (std::size_t c = 0; c < 3; ++c) {
            EXPECT_EQ(image->pixels[3 * i + c], pixels[i]);
        }
    }
}

// As Pillow's convert('RGB') does: nothing is blended.
TEST(DecodeImage, LeavesTransparencyAway) {
    const auto image = decode_image(png({10, 20, 30, 128, 10, 20, 30, 0}, 1, 2, PNG_FORMAT_RGBA));
    ASSERT_TRUE(image);
    EXPECT_EQ(image->pixels, (Bytes{10, 20, 30, 10, 20, 30}));
}

// At quality 100 a coefficient is rounded to whole numbers, and so is the colour: a few units.
TEST(DecodeImage, GivesThePixelsOfAJpeg) {
    const Bytes pixels = ramp(16, 24, 3);
    const auto image = decode_image(jpeg(pixels, 16, 24, TJPF_RGB));
    ASSERT_TRUE(image) << image.error().message;
    ASSERT_EQ(image->pixels.size(), pixels.size());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        EXPECT_NEAR(image->pixels[i], pixels[i], 4) << i;
    }
    const auto grey = decode_image(jpeg(ramp(16, 16, 1), 16, 16, TJPF_GRAY));
    ASSERT_TRUE(grey);
    EXPECT_EQ(grey->channels, 3);
}

TEST(DecodeImage, RefusesWhatIsDamagedOrCutShort) {
    const Bytes files[] = {png(ramp(32, 32, 3), 32, 32, PNG_FORMAT_RGB),
                           jpeg(ramp(32, 32, 3), 32, 32, TJPF_RGB)};
    for (const Bytes& file : files) {
        for (const std::size_t kept : {file.size() / 2, file.size() * 9 / 10, std::size_t{20}}) {
            const auto image = decode_image(std::span(file).first(kept));
            ASSERT_FALSE(image) << kept << " of " << file.size();
            EXPECT_EQ(image.error().code, ErrorCode::bad_input);
            EXPECT_NE(image.error().message.find("damaged"), std::string::npos)
                << image.error().message << kept;
        }
    }
    EXPECT_EQ(decode_image({}).error().message, "empty");
    EXPECT_EQ(decode_image(Bytes(100, 'x')).error().message, "neither PNG nor JPEG");
}

TEST(DecodeImage, RefusesCmykAndHugePictures) {
    const auto cmyk = decode_image(jpeg(ramp(16, 16, 4), 16, 16, TJPF_CMYK));
    ASSERT_FALSE(cmyk);
    EXPECT_NE(cmyk.error().message.find("4 channels"), std::string::npos);
    // The header alone announces 60,000 x 60,000 pixels; its checksum is made to fit.
    Bytes file = png(ramp(2, 2, 3), 2, 2, PNG_FORMAT_RGB);
    const std::array<std::uint8_t, 8> size{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60};
    std::copy(size.begin(), size.end(), file.begin() + 16);
    std::uint32_t crc = 0xffffffffU;
    for (std::size_t i = 12; i < 29; ++i) {
        crc ^= file[i];
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
        }
    }
    crc = ~crc;
    for (std::size_t i = 0; i < 4; ++i) {
        file[29 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    }
    const auto huge = decode_image(file);
    ASSERT_FALSE(huge);
    EXPECT_NE(huge.error().message.find("too many"), std::string::npos) << huge.error().message;
}

}  // namespace
}  // namespace cipherfit
