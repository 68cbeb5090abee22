// Small copies of pictures, to show them by.
#pragma once

#include "backbone/cnn/image.h"
#include "cipherfit/io/picture_file.h"

namespace cipherfit {

inline constexpr int thumbnail_side = 48;

// The shape of pictures of height x width, reduced to at most thumbnail_side a side; pictures that
// small keep theirs.
PictureShape thumbnail_shape(int height, int width, int channels);

// The picture's middle of that shape, resized; grey pictures get equal channels where there are
// three. The shape has at least the picture's channels.
Image thumbnail(const Image& image, const PictureShape& shape);

}  // namespace cipherfit
