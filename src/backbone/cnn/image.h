// Pictures in memory, and how PNG and JPEG files become such.
#pragma once

#include "cipherfit/base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// 8-bit pixels, row by row from the top left corner, the channels of a pixel side by side: one
// (grey) or three (red, green, blue).
struct Image {
    int height = 0;
    int width = 0;
    int channels = 0;
    std::vector<std::uint8_t> pixels;  // height * width * channels

    std::size_t size() const noexcept {
        return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
               static_cast<std::size_t>(channels);
    }
};

// The largest picture that is decoded, in pixels: a small file can announce a huge one.
inline constexpr std::int64_t max_image_pixels = 100'000'000;

// A whole PNG or JPEG file, told apart by its first bytes, as three channels. PNG of any kind
// become what Pillow's convert('RGB') makes of them, see png.h. The orientation that a camera wrote
// into a JPEG is not applied. bad_input, in a few words without the file's name, for anything else,
// for data that is damaged or cut short, for CMYK and for more than max_image_pixels.
Expected<Image> decode_image(std::span<const std::uint8_t> file);

}  // namespace cipherfit
