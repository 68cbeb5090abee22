#include "backbone/cnn/image.h"

#include "backbone/cnn/blank_image.h"
#include "backbone/cnn/png_reader.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <turbojpeg.h>

namespace cipherfit {
namespace {

constexpr std::array<std::uint8_t, 8> png_magic{0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};
constexpr std::array<std::uint8_t, 3> jpeg_magic{0xff, 0xd8, 0xff};

template <std::size_t Size>
bool starts_with(std::span<const std::uint8_t> bytes, const std::array<std::uint8_t, Size>& magic) {
    return bytes.size() >= Size && std::equal(magic.begin(), magic.end(), bytes.begin());
}

Expected<Image> decode_jpeg(std::span<const std::uint8_t> file) {
    const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
    if (!decoder) {
        return make_error(ErrorCode::internal, "no JPEG decoder");
    }
    const auto bytes = static_cast<unsigned long>(file.size());
    int width = 0;
    int height = 0;
    int subsampling = 0;
    int colours = 0;
    if (tjDecompressHeader3(decoder.get(), file.data(), bytes, &width, &height, &subsampling,
                            &colours) != 0) {
        return make_error(ErrorCode::bad_input, "damaged JPEG");
    }
    if (colours == TJCS_CMYK || colours == TJCS_YCCK) {
        return make_error(ErrorCode::bad_input, "JPEG of 4 channels, CMYK: convert it to RGB");
    }
    auto image = blank_image(height, width);
    if (!image) {
        return image;
    }
    // A warning is a failure too: the rest of a picture that is cut short would be grey.
    if (tjDecompress2(decoder.get(), file.data(), bytes, image->pixels.data(), width, 0, height,
                      TJPF_RGB, TJFLAG_ACCURATEDCT) != 0) {
        return make_error(ErrorCode::bad_input, "damaged JPEG");
    }
    return image;
}

}  // namespace

Expected<Image> decode_image(std::span<const std::uint8_t> file) {
    if (file.empty()) {
        return make_error(ErrorCode::bad_input, "empty");
    }
    if (starts_with(file, png_magic)) {
        return decode_png(file);
    }
    if (starts_with(file, jpeg_magic)) {
        return decode_jpeg(file);
    }
    return make_error(ErrorCode::bad_input, "neither PNG nor JPEG");
}

}  // namespace cipherfit
