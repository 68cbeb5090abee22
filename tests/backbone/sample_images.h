// Small made-up images for the backbone's tests.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"

#include <cstdint>

namespace cipherfit {

// n images of whole-number pixels 0..255: a bright disc whose place and size depend on the image,
// over noise. Fixed by the arguments.
inline RowMatrix sample_images(Eigen::Index n, const ImageShape& shape, std::uint32_t seed = 1) {
    RowMatrix images(n, shape.pixels());
    std::uint32_t state = seed;
    const auto draw = [&state](std::uint32_t below) {
        state = state * 1664525U + 1013904223U;
        return static_cast<double>((state >> 16) % below);
    };
    for (Eigen::Index i = 0; i < n; ++i) {
        const double cy = draw(static_cast<std::uint32_t>(shape.height));
        const double cx = draw(static_cast<std::uint32_t>(shape.width));
        const double radius = 1.0 + draw(6);
        for (Eigen::Index y = 0; y < shape.height; ++y) {
            for (Eigen::Index x = 0; x < shape.width; ++x) {
                const double dy = static_cast<double>(y) - cy;
                const double dx = static_cast<double>(x) - cx;
                const bool inside = dy * dy + dx * dx <= radius * radius;
                images(i, y * shape.width + x) = (inside ? 180.0 : 0.0) + draw(70);
            }
        }
    }
    return images;
}

}  // namespace cipherfit
