#include "cipherfit/linalg/gram_product.h"

#include "cipherfit/base/error.h"
#include "linalg/signed_size.h"

#include <utility>

namespace cipherfit {
namespace {

// Slots of a rotation by `rows` rows.
std::int64_t row_steps(const GramLayout& layout, std::size_t rows) noexcept {
    return signed_size(rows * layout.lanes() * layout.padded_classes());
}

// Slots from (i, g) to (i + 1, g - 1).
std::int64_t skew_steps(const GramLayout& layout) noexcept {
    return row_steps(layout, 1) - signed_size(layout.padded_classes());
}

}  // namespace

EncryptedGram::EncryptedGram(Operations& operations, const GramLayout& layout,
                             std::vector<Handle> blocks)
    : operations_(operations), layout_(layout), blocks_(std::move(blocks)) {
    require(blocks_.size() == layout.gram_blocks(), ErrorCode::invalid_argument,
            "the layout has {} blocks of the Gram matrix, got {}", layout.gram_blocks(),
            blocks_.size());
}

Handle EncryptedGram::multiply(const Handle& replicas, const Handle* added) const {
    const std::size_t babies = layout_.babies();
    std::vector<Handle> rotated;
    rotated.reserve(babies);
    if (babies > 1) {
        const HoistedHandle hoisted = operations_.hoist(replicas);
        for (std::size_t v = 1; v < babies; ++v) {
            rotated.push_back(operations_.rotate(hoisted, row_steps(layout_, v * layout_.lanes())));
        }
    }
    const auto giant = [&](std::size_t u) {
        std::vector<HandleProduct> products;
        products.reserve(babies);
        for (std::size_t v = 0; v < babies; ++v) {
            products.push_back({&blocks_[u * babies + v], v == 0 ? &replicas : &rotated[v - 1]});
        }
        Handle sum = operations_.sum_of_products(products);
        if (u == 0 && added != nullptr) {
            // Before the rescaling, where the factor between the scales is a large integer.
            sum = operations_.add(
                sum, operations_.multiply_scalar(*added, 1.0, sum.scale(), sum.level()));
        }
        return operations_.relinearize_rescale(sum);
    };
    std::size_t u = layout_.giants() - 1;
    Handle result = giant(u);
    while (u-- > 0) {
        result = operations_.rotate(result, row_steps(layout_, babies * layout_.lanes()));
        operations_.add_inplace(result, giant(u));
    }
    return result;
}

Handle EncryptedGram::fold_lanes(Operations& operations, const GramLayout& layout, Handle product) {
    for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
        operations.add_inplace(
            product, operations.rotate(product, signed_size(lane * layout.padded_classes())));
    }
    return product;
}

Handle EncryptedGram::replicate(Operations& operations, const GramLayout& layout, Handle values) {
    for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
        operations.add_inplace(values,
                               operations.rotate(values, signed_size(lane) * skew_steps(layout)));
    }
    return values;
}

KeyRequest EncryptedGram::keys(const GramLayout& layout, const GramLevels& levels) {
    KeyRequest request;
    const std::size_t slots = layout.slots();
    if (levels.uses_product) {
        request.relinearization(levels.product);
        for (std::size_t v = 1; v < layout.babies(); ++v) {
            request.rotation(row_steps(layout, v * layout.lanes()), slots, levels.product);
        }
        if (layout.giants() > 1) {
            request.rotation(row_steps(layout, layout.babies() * layout.lanes()), slots,
                             levels.fold);
        }
        for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
            request.rotation(signed_size(lane * layout.padded_classes()), slots, levels.fold);
        }
    }
    for (std::size_t lane = 1; levels.uses_replicate && lane < layout.lanes(); lane *= 2) {
        request.rotation(signed_size(lane) * skew_steps(layout), slots, levels.replicate);
    }
    return request;
}

}  // namespace cipherfit
