// The two products of a training iteration on encrypted matrices in the lane layout, X U^T and
// E^T X, and what lies between them. Training code calls these and never sees a rotation. Each is
// written once over Operations, so that its keys, counts and memory come from its recording.
//
// The shift r = 0..c'-1 of a product is split as r = g G + h: baby shifts h < G are applied to the
// features once and cached for all iterations, giant shifts to the sums. The rotations of the
// model or of the errors by every r form a grid: outer rotations of the ciphertext, then `inner`
// rotations of each of those, which needs few keys.
//
// Costs, per block: see each operation. "hoisted" counts rotations that share a decomposition.
#pragma once

#include "cipherfit/circuit/operations.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <span>
#include <vector>

namespace cipherfit {

// Powers of two with inner <= forward_baby, backward_baby <= c'.
struct ShiftPlan {
    std::size_t forward_baby = 1;
    std::size_t backward_baby = 1;
    std::size_t inner = 1;
};

// Levels at which a training plan calls the operations, for key requests; 0 where never called.
struct ProductLevels {
    std::size_t features = 0;   // where babies are made
    std::size_t forward = 0;    // of multiply_model's operands
    std::size_t fold = 0;       // of fold_lanes
    std::size_t replicate = 0;  // of replicate_lanes
    std::size_t backward = 0;   // of multiply_errors' operands
    bool uses_forward = true;   // whether multiply_model is called at all
    bool uses_backward = true;  // whether multiply_errors is, if not, plans have one backward baby
};

class EncryptedFeatures {
  public:
    // `blocks`: feature blocks (rho, b) at index rho * feature_blocks + b, of one scale. Makes the
    // baby shifts: (G_f - 1 + G_b - 1) rotations a block. Forward babies are left out unless asked.
    // The operations must outlive this object.
    EncryptedFeatures(Operations& operations, const LaneLayout& layout, const ShiftPlan& plan,
                      std::vector<Handle> blocks, bool with_forward);

    // X U^T before its fold: block rho, at the operands' lowest level, NOT rescaled (scale: the
    // product of both). fold_lanes gives logits. Key switches: c' hoisted a feature block, plus
    // 2 c' / G_f a sample block.
    std::vector<Handle> multiply_model(std::span<const Handle> model) const;
    // E^T X: block b in the model's layout, NOT rescaled. `errors`: replicated over their lanes.
    // Key switches: c' hoisted a sample block, plus 2 c' / G_b + log2(rows / c') a feature block.
    std::vector<Handle> multiply_errors(std::span<const Handle> errors) const;

    // Sums of all columns congruent modulo c', right in columns j < c': log2(lane / c') KS.
    static Handle fold_lanes(Operations& operations, const LaneLayout& layout, Handle logits);
    // Copies columns j < c' to the whole lane where the others are zero: log2(lane / c') KS.
    static Handle replicate_lanes(Operations& operations, const LaneLayout& layout, Handle errors);

    // The keys that all of the above need at those levels.
    static KeyRequest keys(const LaneLayout& layout, const ShiftPlan& plan,
                           const ProductLevels& levels);

  private:
    // Which way a family of shifts goes.
    enum class Direction { forward, backward };
    const Handle& block(Direction direction, std::size_t baby, std::size_t rho,
                        std::size_t b) const;
    std::vector<Handle> multiply(Direction direction, std::span<const Handle> operands) const;
    std::vector<Handle> multiply_unshifted(Direction direction,
                                           std::span<const Handle> operands) const;

    Operations& operations_;
    LaneLayout layout_;
    ShiftPlan plan_;
    // [baby][rho * feature_blocks + b]; baby 0 of both directions is blocks_.
    std::vector<Handle> blocks_;
    std::vector<std::vector<Handle>> forward_babies_, backward_babies_;
};

}  // namespace cipherfit
