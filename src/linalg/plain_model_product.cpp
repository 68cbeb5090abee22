#include "cipherfit/linalg/plain_model_product.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace cipherfit {

std::vector<Handle> multiply_plain_model(Operations& operations, const LaneLayout& layout,
                                         std::span<const Handle> features, MatrixView model,
                                         double model_scale) {
    const std::size_t blocks = layout.feature_blocks();
    const std::size_t outputs = layout.sample_blocks();
    require(features.size() == outputs * blocks, ErrorCode::invalid_argument,
            "the layout has {} x {} feature blocks, got {} in all", outputs, blocks,
            features.size());
    require(model.rows == layout.classes() && model.columns == layout.features(),
            ErrorCode::invalid_argument, "the model is {} x {}, the layout says {} x {}",
            model.rows, model.columns, layout.classes(), layout.features());
    std::vector<std::vector<double>> packed;
    packed.reserve(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
        packed.push_back(layout.pack_model(model, b));
    }
    std::vector<std::optional<Handle>> sums(outputs);
    for (std::size_t r = layout.padded_classes(); r-- > 0;) {
        for (std::optional<Handle>& sum : sums) {
            if (sum) {
                sum = operations.rotate(*sum, 1);
            }
        }
        for (std::size_t b = 0; b < blocks; ++b) {
            std::vector<double> slots = packed[b];
            const auto shift = static_cast<std::ptrdiff_t>(r * layout.lane());
            std::rotate(slots.begin(), slots.begin() + shift, slots.end());
            const MaskHandle plain =
                operations.encode(slots, features.front().level(), model_scale);
            for (std::size_t rho = 0; rho < outputs; ++rho) {
                Handle term = operations.multiply_mask(features[rho * blocks + b], plain);
                if (sums[rho]) {
                    operations.add_inplace(*sums[rho], term);
                } else {
                    sums[rho] = std::move(term);
                }
            }
        }
    }
    std::vector<Handle> out;
    out.reserve(outputs);
    for (std::optional<Handle>& sum : sums) {
        out.push_back(std::move(*sum));
    }
    return out;
}

KeyRequest plain_model_keys(const LaneLayout& layout, std::size_t level, std::size_t fold) {
    KeyRequest request;
    request.rotation(1, layout.slots(), level);
    for (std::size_t step = layout.padded_classes(); step < layout.lane(); step *= 2) {
        request.rotation(static_cast<std::int64_t>(step), layout.slots(), fold);
    }
    return request;
}

}  // namespace cipherfit
