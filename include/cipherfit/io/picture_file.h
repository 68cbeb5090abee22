// Small pictures of one size in a .npy file: uint8, count x height x width x channels, C order, the
// channels one (grey) or three (red, green, blue).
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace cipherfit {

struct PictureShape {
    std::size_t height = 0, width = 0, channels = 0;
    std::size_t bytes() const noexcept { return height * width * channels; }
    bool operator==(const PictureShape&) const = default;
};

// Such a file, opened: pictures are read one by one.
class PictureFile {
  public:
    // bad_input for what is no such file or has not exactly the pictures that its header tells of.
    static Expected<PictureFile> open(const std::filesystem::path& path);
    static Expected<PictureFile> open(std::unique_ptr<ByteSource> source);

    std::size_t count() const noexcept { return count_; }
    const PictureShape& shape() const noexcept { return shape_; }
    // The shape().bytes() pixels of picture i, i < count(). io_failure, corrupt_data as read_at().
    Expected<std::vector<std::uint8_t>> read(std::size_t i) const;

  private:
    PictureFile() = default;

    std::unique_ptr<ByteSource> source_;
    std::uint64_t offset_ = 0;
    std::size_t count_ = 0;
    PictureShape shape_;
};

// Writes such a file and commits it; fill(i, pixels) gives picture i, in ascending order. Errors:
// those of fill, io_failure.
Expected<void> write_pictures(
    ByteSink& sink, std::size_t count, const PictureShape& shape,
    const std::function<Expected<void>(std::size_t i, std::span<std::uint8_t> pixels)>& fill);

}  // namespace cipherfit
