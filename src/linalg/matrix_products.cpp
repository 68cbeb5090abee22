#include "cipherfit/linalg/matrix_products.h"

#include "cipherfit/base/error.h"
#include "linalg/signed_size.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace cipherfit {
namespace {

using Steps = std::int64_t;

// Rotated operands of a product that may exist at a time.
constexpr std::size_t rotations_alive = 16;

// Rotations (to the left) of one direction. With L = lane and r = g G + h, h = inner u + v:
//   forward   rot_r(X o rot_{rL}(U))   = rot_{gG}( rot_h(X) o rot_{h + rL}(U) )
//   backward  rot_{-rL}(X o rot_{-r}(E)) = rot_{-gGL}( rot_{-hL}(X) o rot_{-hL - r}(E) )
// where h + rL = v (L + 1) + [u inner (L + 1) + g G L] and hL + r = v (L + 1) + [u inner (L + 1) +
// g G]: inner steps, and outer ones in brackets.
struct Shifts {
    Steps baby;          // applied once per baby to the features
    Steps giant;         // applied once per giant to the sums
    Steps inner;         // v of these
    Steps outer_u;       // u of these and
    Steps outer_g;       // g of these
    std::size_t babies;  // G

    static Shifts forward(const LaneLayout& layout, const ShiftPlan& plan) {
        const Steps lane = signed_size(layout.lane());
        const Steps baby = signed_size(plan.forward_baby);
        return {1,           baby,
                lane + 1,    signed_size(plan.inner) * (lane + 1),
                baby * lane, plan.forward_baby};
    }
    static Shifts backward(const LaneLayout& layout, const ShiftPlan& plan) {
        const Steps lane = signed_size(layout.lane());
        const Steps baby = signed_size(plan.backward_baby);
        return {-lane, -baby * lane,      -(lane + 1), -signed_size(plan.inner) * (lane + 1),
                -baby, plan.backward_baby};
    }
};

void request_family(KeyRequest& request, const LaneLayout& layout, const ShiftPlan& plan,
                    const Shifts& shifts, std::size_t feature_level, std::size_t level) {
    const std::size_t slots = layout.slots();
    const std::size_t giants = layout.padded_classes() / shifts.babies;
    if (shifts.babies > 1) {
        request.rotation(shifts.baby, slots, feature_level);
    }
    if (giants > 1) {
        request.rotation(shifts.giant, slots, level);
    }
    for (std::size_t v = 1; v < plan.inner; ++v) {
        request.rotation(signed_size(v) * shifts.inner, slots, level);
    }
    for (std::size_t g = 0; g < giants; ++g) {
        for (std::size_t u = 0; u < shifts.babies / plan.inner; ++u) {
            const Steps outer = signed_size(u) * shifts.outer_u + signed_size(g) * shifts.outer_g;
            if (outer != 0) {
                request.rotation(outer, slots, level);
            }
        }
    }
}

// [h]: the blocks shifted by h babies, h = 1..count-1 (entry 0 stays empty), each from the one
// before, so that one key serves them all.
std::vector<std::vector<Handle>> make_babies(Operations& operations,
                                             const std::vector<Handle>& blocks, std::size_t count,
                                             Steps shift) {
    std::vector<std::vector<Handle>> babies(count);
    for (std::size_t h = 1; h < count; ++h) {
        const auto& previous = h == 1 ? blocks : babies[h - 1];
        for (const Handle& block : previous) {
            babies[h].push_back(operations.rotate(block, shift));
        }
    }
    return babies;
}

// The source rotated by outer + v inner, v = 0..count-1.
std::vector<Handle> rotations(Operations& operations, const HoistedHandle& source, Steps outer,
                              Steps inner, std::size_t count) {
    std::vector<Handle> result;
    result.reserve(count);
    result.push_back(operations.rotate(source, outer));
    if (count > 1) {
        const HoistedHandle hoisted = operations.hoist(result.front());
        for (std::size_t v = 1; v < count; ++v) {
            result.push_back(operations.rotate(hoisted, signed_size(v) * inner));
        }
    }
    return result;
}

void add_to(Operations& operations, Handle& sum, Handle term, bool is_first) {
    if (is_first) {
        sum = std::move(term);
    } else {
        operations.add_inplace(sum, term);
    }
}

}  // namespace

EncryptedFeatures::EncryptedFeatures(Operations& operations, const LaneLayout& layout,
                                     const ShiftPlan& plan, std::vector<Handle> blocks,
                                     bool with_forward)
    : operations_(operations), layout_(layout), plan_(plan), blocks_(std::move(blocks)) {
    const std::size_t c = layout.padded_classes();
    const auto fits = [&](std::size_t babies) {
        return std::has_single_bit(babies) && babies <= c && plan.inner <= babies;
    };
    require(std::has_single_bit(plan.inner) && fits(plan.forward_baby) && fits(plan.backward_baby),
            ErrorCode::invalid_argument,
            "shift plans need powers of two, inner <= baby <= {}, got inner {}, babies {} and {}",
            c, plan.inner, plan.forward_baby, plan.backward_baby);
    require(blocks_.size() == layout.sample_blocks() * layout.feature_blocks(),
            ErrorCode::invalid_argument, "the layout has {} x {} feature blocks, got {} in all",
            layout.sample_blocks(), layout.feature_blocks(), blocks_.size());
    if (with_forward) {
        forward_babies_ =
            make_babies(operations, blocks_, plan.forward_baby, Shifts::forward(layout, plan).baby);
    }
    backward_babies_ =
        make_babies(operations, blocks_, plan.backward_baby, Shifts::backward(layout, plan).baby);
}

const Handle& EncryptedFeatures::block(Direction direction, std::size_t baby, std::size_t rho,
                                       std::size_t b) const {
    const auto& babies = direction == Direction::forward ? forward_babies_ : backward_babies_;
    return (baby == 0 ? blocks_ : babies[baby])[rho * layout_.feature_blocks() + b];
}

// Both products have one shape: operands k = 0..K-1 are rotated by every shift and multiplied with
// the features' blocks (k, m), summed over k and babies, relinearised once per giant and output m,
// and the giants joined by Horner's rule, so that one rotation key serves them.
std::vector<Handle> EncryptedFeatures::multiply(Direction direction,
                                                std::span<const Handle> operands) const {
    const bool forward = direction == Direction::forward;
    const Shifts shifts =
        forward ? Shifts::forward(layout_, plan_) : Shifts::backward(layout_, plan_);
    const std::size_t inputs = forward ? layout_.feature_blocks() : layout_.sample_blocks();
    const std::size_t outputs = forward ? layout_.sample_blocks() : layout_.feature_blocks();
    require(operands.size() == inputs, ErrorCode::invalid_argument,
            "the product needs {} blocks, got {}", inputs, operands.size());
    require(!forward || plan_.forward_baby == 1 || !forward_babies_.empty(),
            ErrorCode::invalid_argument, "these features were prepared for backward products only");
    if (layout_.padded_classes() == 1) {
        return multiply_unshifted(direction, operands);
    }
    std::vector<HoistedHandle> hoisted;
    hoisted.reserve(inputs);
    for (const Handle& operand : operands) {
        hoisted.push_back(operations_.hoist(operand));
    }
    std::vector<Handle> results(outputs);
    const std::size_t giants = layout_.padded_classes() / shifts.babies;
    for (std::size_t g = giants; g-- > 0;) {
        std::vector<Handle> sums(outputs);
        for (std::size_t u = 0; u < shifts.babies / plan_.inner; ++u) {
            const Steps outer = signed_size(u) * shifts.outer_u + signed_size(g) * shifts.outer_g;
            // Operands in groups: enough products for one reduction, few ciphertexts alive.
            const std::size_t group = std::max<std::size_t>(1, rotations_alive / plan_.inner);
            for (std::size_t first = 0; first < inputs; first += group) {
                const std::size_t last = std::min(inputs, first + group);
                std::vector<std::vector<Handle>> rotated;
                for (std::size_t k = first; k < last; ++k) {
                    rotated.push_back(
                        rotations(operations_, hoisted[k], outer, shifts.inner, plan_.inner));
                }
                for (std::size_t m = 0; m < outputs; ++m) {
                    std::vector<HandleProduct> products;
                    for (std::size_t k = first; k < last; ++k) {
                        for (std::size_t v = 0; v < plan_.inner; ++v) {
                            products.push_back({&block(direction, u * plan_.inner + v,
                                                       forward ? m : k, forward ? k : m),
                                                &rotated[k - first][v]});
                        }
                    }
                    Handle sum = operations_.sum_of_products(products);
                    add_to(operations_, sums[m], std::move(sum), u == 0 && first == 0);
                }
            }
        }
        for (std::size_t m = 0; m < outputs; ++m) {
            const bool last_giant = g + 1 == giants;
            Handle term = operations_.relinearize(sums[m]);
            if (!last_giant) {
                results[m] = operations_.rotate(results[m], shifts.giant);
            }
            add_to(operations_, results[m], std::move(term), last_giant);
        }
    }
    return results;
}

// The product for a single class: whole blocks, without a rotation.
std::vector<Handle> EncryptedFeatures::multiply_unshifted(Direction direction,
                                                          std::span<const Handle> operands) const {
    const bool forward = direction == Direction::forward;
    const std::size_t outputs = forward ? layout_.sample_blocks() : layout_.feature_blocks();
    std::vector<Handle> results;
    results.reserve(outputs);
    for (std::size_t m = 0; m < outputs; ++m) {
        std::vector<HandleProduct> products;
        products.reserve(operands.size());
        for (std::size_t k = 0; k < operands.size(); ++k) {
            products.push_back(
                {&block(direction, 0, forward ? m : k, forward ? k : m), &operands[k]});
        }
        results.push_back(operations_.relinearize(operations_.sum_of_products(products)));
    }
    return results;
}

std::vector<Handle> EncryptedFeatures::multiply_model(std::span<const Handle> model) const {
    return multiply(Direction::forward, model);
}

std::vector<Handle> EncryptedFeatures::multiply_errors(std::span<const Handle> errors) const {
    std::vector<Handle> gradient = multiply(Direction::backward, errors);
    for (Handle& block : gradient) {
        for (std::size_t row = layout_.padded_classes(); row < layout_.rows(); row *= 2) {
            operations_.add_inplace(block,
                                    operations_.rotate(block, signed_size(row * layout_.lane())));
        }
    }
    return gradient;
}

Handle EncryptedFeatures::fold_lanes(Operations& operations, const LaneLayout& layout,
                                     Handle logits) {
    for (std::size_t step = layout.padded_classes(); step < layout.lane(); step *= 2) {
        operations.add_inplace(logits, operations.rotate(logits, signed_size(step)));
    }
    return logits;
}

Handle EncryptedFeatures::replicate_lanes(Operations& operations, const LaneLayout& layout,
                                          Handle errors) {
    for (std::size_t step = layout.padded_classes(); step < layout.lane(); step *= 2) {
        operations.add_inplace(errors, operations.rotate(errors, -signed_size(step)));
    }
    return errors;
}

KeyRequest EncryptedFeatures::keys(const LaneLayout& layout, const ShiftPlan& plan,
                                   const ProductLevels& levels) {
    KeyRequest request;
    const std::size_t slots = layout.slots();
    if (levels.uses_forward) {
        request.relinearization(levels.forward);
        request_family(request, layout, plan, Shifts::forward(layout, plan), levels.features,
                       levels.forward);
        for (std::size_t step = layout.padded_classes(); step < layout.lane(); step *= 2) {
            request.rotation(signed_size(step), slots, levels.fold);
        }
    }
    if (!levels.uses_backward) {
        return request;
    }
    request.relinearization(levels.backward);
    request_family(request, layout, plan, Shifts::backward(layout, plan), levels.features,
                   levels.backward);
    for (std::size_t step = layout.padded_classes(); step < layout.lane(); step *= 2) {
        request.rotation(-signed_size(step), slots, levels.replicate);
    }
    for (std::size_t row = layout.padded_classes(); row < layout.rows(); row *= 2) {
        request.rotation(signed_size(row * layout.lane()), slots, levels.backward);
    }
    return request;
}

}  // namespace cipherfit
