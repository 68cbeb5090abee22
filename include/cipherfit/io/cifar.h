// CIFAR-10's binary version: records of one label and 32 x 32 pixels, first all red, then all
// green, then all blue (A. Krizhevsky, 'Learning Multiple Layers of Features from Tiny Images',
// 2009).
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace cipherfit {

struct Cifar10 {
    static constexpr std::size_t side = 32;
    static constexpr std::size_t plane = side * side;
    static constexpr std::size_t pixels_per_image = 3 * plane;
    static constexpr std::size_t classes = 10;

    std::vector<std::uint8_t> labels;  // 0 to 9
    std::vector<std::uint8_t> pixels;  // pixels_per_image for each label, as in the file
};

// Whether the size and the labels of the first records are those of such a file.
bool looks_like_cifar10(ByteSource& source);

// bad_input for a size that is no whole number of records, or a label above 9.
Expected<Cifar10> read_cifar10(const std::filesystem::path& path);
Expected<Cifar10> read_cifar10(ByteSource& source);

}  // namespace cipherfit
