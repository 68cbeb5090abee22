// The IDX files of MNIST and its kin: images and labels as unsigned bytes, not compressed.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace cipherfit {

// Grey values 0 to 255, image by image, row by row: pixels[(image * rows + row) * columns +
// column].
struct IdxImages {
    std::size_t count = 0;
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<std::uint8_t> pixels;
};

// bad_input for what is no IDX file of three dimensions (count, rows, columns) of unsigned bytes,
// and for a size that does not fit them; a gzip file is told to be unpacked first.
Expected<IdxImages> read_idx_images(const std::filesystem::path& path);
Expected<IdxImages> read_idx_images(ByteSource& source);

// The same for one dimension.
Expected<std::vector<std::uint8_t>> read_idx_labels(const std::filesystem::path& path);
Expected<std::vector<std::uint8_t>> read_idx_labels(ByteSource& source);

}  // namespace cipherfit
