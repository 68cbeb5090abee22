#include "backbone/cnn/png_reader.h"

#include "backbone/cnn/blank_image.h"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstring>
#include <png.h>
#include <vector>

namespace cipherfit {
namespace {

struct Source {
    std::span<const std::uint8_t> rest;
};

[[noreturn]] void on_error(png_structp png, png_const_charp /*message*/) {
    png_longjmp(png, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* source = static_cast<Source*>(png_get_io_ptr(png));
    if (count > source->rest.size()) {
        png_error(png, "cut short");
    }
    std::memcpy(to, source->rest.data(), count);
    source->rest = source->rest.subspan(count);
}

// libpng's two objects. It leaves by longjmp(), so that functions which call it hold nothing that
// has a destructor.
class Decoder {
  public:
    explicit Decoder(Source& source)
        : png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, on_error, on_warning)),
          info_(png_ != nullptr ? png_create_info_struct(png_) : nullptr) {
        if (info_ != nullptr) {
            png_set_read_fn(png_, &source, read_bytes);
        }
    }
    ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    bool read_header() noexcept {
        if (info_ == nullptr || setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT(cert-err52-cpp)
            return false;
        }
        png_read_info(png_, info_);
        return true;
    }
    std::int64_t height() const noexcept { return png_get_image_height(png_, info_); }
    std::int64_t width() const noexcept { return png_get_image_width(png_, info_); }

    // Into rows of 3 x width bytes.
    bool read_rows(png_bytepp rows) noexcept {
        if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT(cert-err52-cpp)
            return false;
        }
        const unsigned colours = png_get_color_type(png_, info_);
        const unsigned bits = png_get_bit_depth(png_, info_);
        if (colours == PNG_COLOR_TYPE_PALETTE) {
            png_set_palette_to_rgb(png_);
        }
        if (colours == PNG_COLOR_TYPE_GRAY && bits < 8) {
            png_set_expand_gray_1_2_4_to_8(png_);
        }
        if (bits == 16) {
            png_set_strip_16(png_);
        }
        png_set_strip_alpha(png_);
        if ((colours & PNG_COLOR_MASK_COLOR) == 0) {
            png_set_gray_to_rgb(png_);
        }
        static_cast<void>(png_set_interlace_handling(png_));
        png_read_update_info(png_, info_);
        if (png_get_rowbytes(png_, info_) != std::size_t{3} * png_get_image_width(png_, info_)) {
            return false;
        }
        png_read_image(png_, rows);
        return true;
    }

  private:
    png_structp png_;
    png_infop info_;
};

}  // namespace

Expected<Image> decode_png(std::span<const std::uint8_t> file) {
    Source source{file};
    Decoder decoder(source);
    if (!decoder.read_header()) {
        return make_error(ErrorCode::bad_input, "damaged PNG");
    }
    auto image = blank_image(decoder.height(), decoder.width());
    if (!image) {
        return image;
    }
    const auto row_bytes = static_cast<std::size_t>(image->width) * 3;
    std::vector<png_bytep> rows(static_cast<std::size_t>(image->height));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i] = image->pixels.data() + i * row_bytes;
    }
    if (!decoder.read_rows(rows.data())) {
        return make_error(ErrorCode::bad_input, "damaged PNG");
    }
    return image;
}

}  // namespace cipherfit
