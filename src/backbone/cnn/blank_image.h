// Room for what a file announces.
#pragma once

#include "backbone/cnn/image.h"
#include "cipherfit/base/error.h"

#include <cstdint>

namespace cipherfit {

// Three channels of zeros. bad_input for no pixels and for more than max_image_pixels.
inline Expected<Image> blank_image(std::int64_t height, std::int64_t width) {
    if (height < 1 || width < 1) {
        return make_error(ErrorCode::bad_input, "damaged: it has no size");
    }
    if (height > max_image_pixels / width) {
        return make_error(ErrorCode::bad_input, "{} x {} pixels are too many", width, height);
    }
    Image image{static_cast<int>(height), static_cast<int>(width), 3, {}};
    image.pixels.resize(image.size());
    return image;
}

}  // namespace cipherfit
