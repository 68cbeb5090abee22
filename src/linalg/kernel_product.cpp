#include "cipherfit/linalg/kernel_product.h"

#include "cipherfit/base/error.h"

#include <optional>
#include <utility>

namespace cipherfit {
namespace {

std::int64_t signed_size(std::size_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

// Slots of a rotation by `rows` rows.
std::int64_t row_steps(const KernelLayout& layout, std::size_t rows) noexcept {
    return signed_size(rows * layout.lanes() * layout.padded_classes());
}

// Slots from (i, g) to (i + 1, g - 1).
std::int64_t skew_steps(const KernelLayout& layout) noexcept {
    return row_steps(layout, 1) - signed_size(layout.padded_classes());
}

}  // namespace

EncryptedKernel::EncryptedKernel(const Evaluator& evaluator, const KernelLayout& layout,
                                 std::vector<Ciphertext> blocks)
    : evaluator_(evaluator), layout_(layout), blocks_(std::move(blocks)) {
    require(blocks_.size() == layout.kernel_blocks(), ErrorCode::invalid_argument,
            "the layout has {} kernel blocks, got {}", layout.kernel_blocks(), blocks_.size());
}

Ciphertext EncryptedKernel::multiply(const Ciphertext& replicas, const Ciphertext* added) const {
    const std::size_t babies = layout_.babies();
    std::vector<Ciphertext> rotated;
    if (babies > 1) {
        const HoistedCiphertext hoisted = evaluator_.hoist(replicas);
        for (std::size_t v = 1; v < babies; ++v) {
            rotated.push_back(evaluator_.rotate(hoisted, row_steps(layout_, v * layout_.lanes())));
        }
    }
    std::optional<Ciphertext> result;
    for (std::size_t u = layout_.giants(); u-- > 0;) {
        std::vector<Product> products;
        for (std::size_t v = 0; v < babies; ++v) {
            products.push_back({&blocks_[u * babies + v], v == 0 ? &replicas : &rotated[v - 1]});
        }
        Ciphertext sum = evaluator_.sum_of_products(products);
        if (u == 0 && added != nullptr) {
            // Before the rescaling, where the factor between the scales is a large integer.
            sum = evaluator_.add(sum,
                                 evaluator_.multiply_scalar(*added, 1.0, sum.scale(), sum.level()));
        }
        Ciphertext term = evaluator_.relinearize_rescale(sum);
        if (result) {
            result = evaluator_.rotate(*result, row_steps(layout_, babies * layout_.lanes()));
            evaluator_.add_inplace(*result, term);
        } else {
            result = std::move(term);
        }
    }
    return std::move(*result);
}

Ciphertext EncryptedKernel::fold_lanes(const Evaluator& evaluator, const KernelLayout& layout,
                                       Ciphertext product) {
    for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
        evaluator.add_inplace(
            product, evaluator.rotate(product, signed_size(lane * layout.padded_classes())));
    }
    return product;
}

Ciphertext EncryptedKernel::replicate(const Evaluator& evaluator, const KernelLayout& layout,
                                      Ciphertext values) {
    for (std::size_t lane = 1; lane < layout.lanes(); lane *= 2) {
        evaluator.add_inplace(values,
                              evaluator.rotate(values, signed_size(lane) * skew_steps(layout)));
    }
    return values;
}

KeyRequest EncryptedKernel::keys(const KernelLayout& layout, const KernelLevels& levels) {
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
