// PNG files as the pixels that they store.
#pragma once

#include "backbone/cnn/image.h"
#include "cipherfit/base/error.h"

#include <cstdint>
#include <span>

namespace cipherfit {

// Three channels of 8 bits, as Pillow's convert('RGB') gives them, which most networks were trained
// on: grey values in all three, palettes looked up, the upper byte of 16 bits, alpha and tRNS left
// away and not blended, colour spaces (gAMA, sRGB, iCCP) not applied. bad_input for what is
// damaged, cut short or larger than max_image_pixels.
Expected<Image> decode_png(std::span<const std::uint8_t> file);

}  // namespace cipherfit
