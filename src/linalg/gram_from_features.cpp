#include "cipherfit/linalg/gram_from_features.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

// Chunks whose rotations exist at a time: enough for one reduction of their products.
constexpr std::size_t chunks_at_a_time = 4;

std::int64_t rows_to_steps(const GramLayout& layout, std::size_t rows) noexcept {
    return static_cast<std::int64_t>(rows * layout.lanes() * layout.padded_classes());
}

std::int64_t baby_steps(const GramLayout& layout, std::size_t v) noexcept {
    return rows_to_steps(layout, v * layout.lanes());
}

std::int64_t giant_steps(const GramLayout& layout, std::size_t u) noexcept {
    return -rows_to_steps(layout, u * layout.babies() * layout.lanes());
}

// 1 where a fold over m is right, of blocks stored c' slots further on: m = 0 anyway.
std::vector<double> first_classes(const GramLayout& layout) {
    std::vector<double> mask(layout.slots());
    for (std::size_t s = 0; s < mask.size(); s += layout.padded_classes()) {
        mask[s] = 1.0;
    }
    return mask;
}

// The source and its rotations by steps(1), ..., steps(count - 1).
template <class Steps>
std::vector<Handle> rotations(Operations& operations, const Handle& source, std::size_t count,
                              const Steps& steps) {
    std::vector<Handle> result;
    result.reserve(count);
    result.push_back(operations.copy(source));
    if (count > 1) {
        const HoistedHandle hoisted = operations.hoist(source);
        for (std::size_t k = 1; k < count; ++k) {
            result.push_back(operations.rotate(hoisted, steps(k)));
        }
    }
    return result;
}

// The rotations whose sums, one after the other, are the sum of the rotations by 0 to c' - 1: four
// terms at a time share a decomposition and a division.
std::vector<std::vector<std::int64_t>> class_sums(const GramLayout& layout) {
    std::vector<std::vector<std::int64_t>> sums;
    const std::size_t classes = layout.padded_classes();
    for (std::size_t step = 1; step < classes;) {
        const std::size_t terms = classes / step >= 4 ? 4 : 2;
        auto& steps = sums.emplace_back();
        for (std::size_t k = 0; k < terms; ++k) {
            steps.push_back(static_cast<std::int64_t>(k * step));
        }
        step *= terms;
    }
    return sums;
}

Handle sum_over_classes(Operations& operations, const GramLayout& layout, Handle x) {
    for (const auto& steps : class_sums(layout)) {
        x = operations.sum_of_rotations(x, steps);
    }
    return x;
}

}  // namespace

std::vector<Handle> gram_from_features(Operations& operations, const GramLayout& layout,
                                       std::span<const Handle> rows, std::span<const Handle> skewed,
                                       double scale) {
    require(!rows.empty() && rows.size() == skewed.size(), ErrorCode::invalid_argument,
            "a Gram matrix needs as many chunks of rows as of skewed rows, got {} and {}",
            rows.size(), skewed.size());
    std::vector<Handle> sums;
    for (std::size_t first = 0; first < rows.size(); first += chunks_at_a_time) {
        const std::size_t last = std::min(rows.size(), first + chunks_at_a_time);
        std::vector<std::vector<Handle>> giants;
        std::vector<std::vector<Handle>> babies;
        for (std::size_t p = first; p < last; ++p) {
            giants.push_back(rotations(operations, rows[p], layout.giants(),
                                       [&](std::size_t u) { return giant_steps(layout, u); }));
            babies.push_back(rotations(operations, skewed[p], layout.babies(),
                                       [&](std::size_t v) { return baby_steps(layout, v); }));
        }
        for (std::size_t q = 0; q < layout.gram_blocks(); ++q) {
            std::vector<HandleProduct> products;
            products.reserve(last - first);
            for (std::size_t k = 0; k < last - first; ++k) {
                products.push_back(
                    {&giants[k][q / layout.babies()], &babies[k][q % layout.babies()]});
            }
            Handle sum = operations.sum_of_products(products);
            if (first == 0) {
                sums.push_back(std::move(sum));
            } else {
                operations.add_inplace(sums[q], sum);
            }
        }
    }
    const std::vector<double> mask = first_classes(layout);
    std::vector<Handle> blocks;
    blocks.reserve(sums.size());
    for (Handle& sum : sums) {
        const Handle folded =
            sum_over_classes(operations, layout, operations.relinearize_rescale(sum));
        sum = {};
        const double plain_scale =
            scale * operations.rescale_divisor(folded.level()) / folded.scale();
        const Handle masked = operations.rescale(
            operations.multiply_mask(folded, operations.encode(mask, folded.level(), plain_scale)));
        blocks.push_back(sum_over_classes(operations, layout, operations.rotate(masked, 1)));
    }
    return blocks;
}

KeyRequest gram_from_features_keys(const GramLayout& layout, std::size_t level) {
    KeyRequest request;
    const std::size_t slots = layout.slots();
    request.relinearization(level);
    for (std::size_t u = 1; u < layout.giants(); ++u) {
        request.rotation(giant_steps(layout, u), slots, level);
    }
    for (std::size_t v = 1; v < layout.babies(); ++v) {
        request.rotation(baby_steps(layout, v), slots, level);
    }
    for (const auto& steps : class_sums(layout)) {
        for (std::size_t k = 1; k < steps.size(); ++k) {
            request.rotation(steps[k], slots, level - 1);
        }
    }
    if (layout.padded_classes() == 1) {
        request.rotation(1, slots, level - 2);  // else among the sums' rotations
    }
    return request;
}

}  // namespace cipherfit
