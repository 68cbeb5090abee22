#include "cipherfit/solver/joint/layout.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

namespace cipherfit {
namespace {

std::int64_t as_signed(std::size_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

// rot_{v step}(x) for v = 1..count-1, from few keys: step, 2 step, ..., (hoisted - 1) step from
// one decomposition, and hoisted step again and again.
std::vector<Handle> turned(Operations& operations, const Handle& x, std::int64_t step,
                           std::size_t count, std::size_t hoisted) {
    std::vector<Handle> result(count);
    for (std::size_t first = 0; first < count; first += hoisted) {
        if (first > 0) {
            const Handle& before = first == hoisted ? x : result[first - hoisted];
            result[first] = operations.rotate(before, step * as_signed(hoisted));
        }
        const std::size_t last = std::min(first + hoisted, count);
        if (first + 1 < last) {
            const HoistedHandle digits = operations.hoist(first == 0 ? x : result[first]);
            for (std::size_t v = first + 1; v < last; ++v) {
                result[v] = operations.rotate(digits, step * as_signed(v - first));
            }
        }
    }
    return result;
}

}  // namespace

bool JointLayout::fits(std::size_t slots, std::size_t rows, std::size_t classes) noexcept {
    return rows <= slots && classes <= slots &&
           std::max<std::size_t>(std::bit_ceil(rows), 2) * std::bit_ceil(classes) <= slots;
}

JointLayout JointLayout::create(std::size_t slots, std::size_t rows, std::size_t classes,
                                std::size_t babies, std::size_t hoisted) {
    require(rows >= 2 && classes >= 1 && std::has_single_bit(slots) && fits(slots, rows, classes),
            ErrorCode::invalid_argument, "{} columns and {} classes do not fit {} slots", rows,
            classes, slots);
    JointLayout layout;
    layout.slots_ = slots;
    layout.rows_ = rows;
    layout.classes_ = classes;
    layout.padded_rows_ = std::bit_ceil(rows);
    layout.padded_classes_ = std::bit_ceil(classes);
    layout.babies_ = babies;
    layout.hoisted_ = hoisted;
    require(std::has_single_bit(babies) && babies <= layout.padded_rows_ &&
                std::has_single_bit(hoisted) && hoisted <= babies,
            ErrorCode::invalid_argument,
            "{} baby steps and {} hoisted rotations do not fit {} columns: powers of two, the "
            "second up to the first",
            babies, hoisted, rows);
    return layout;
}

std::size_t JointLayout::packed() const noexcept {
    return std::min(2 * places(), padded_rows_);
}

std::size_t JointLayout::diagonal_at(std::size_t ciphertext, std::size_t place,
                                     bool imaginary) const noexcept {
    const std::size_t stride = 2 * places() / packed();
    if (place % stride != 0) {
        return rows_;
    }
    return std::min(rows_, ciphertext * packed() + 2 * (place / stride) + (imaginary ? 1 : 0));
}

std::size_t JointLayout::stages() const noexcept {
    return static_cast<std::size_t>(std::countr_zero(places())) + 1;
}

std::vector<std::size_t> JointLayout::stage_switches() const {
    std::vector<std::size_t> switches;
    for (std::size_t step = 1; step <= places(); step *= 2) {
        std::size_t nodes = 0;
        for (std::size_t i = 0; i < gram_ciphertexts(); ++i) {
            for (std::size_t first = 0; first < step; ++first) {
                bool used = false;
                for (std::size_t place = first; place < places(); place += step) {
                    used = used || diagonal_at(i, place) < rows_;
                }
                nodes += used ? 1 : 0;
            }
        }
        switches.push_back(nodes);
    }
    return switches;
}

std::vector<Handle> unpack_diagonals(Operations& operations, const JointLayout& layout,
                                     std::vector<Handle> packed) {
    require(packed.size() == layout.gram_ciphertexts(), ErrorCode::invalid_argument,
            "{} ciphertexts of sums are expected, got {}", layout.gram_ciphertexts(),
            packed.size());
    std::vector<Handle> diagonals(layout.rows());
    const std::size_t ring = 4 * layout.slots();  // 2 N
    const double factor = 1.0 / static_cast<double>(layout.unpacking_factor());
    for (std::size_t i = 0; i < packed.size(); ++i) {
        // `polynomial` holds the places first, first + step, first + 2 step, ...
        const std::function<void(Handle, std::size_t, std::size_t)> split =
            [&](Handle polynomial, std::size_t first, std::size_t step) {
                if (step == layout.places()) {
                    const Handle image = operations.conjugate(polynomial);
                    const std::size_t imaginary = layout.diagonal_at(i, first, true);
                    if (imaginary < layout.rows()) {
                        // X^(N/2) is i: times X^(3 N/2), -i.
                        diagonals[imaginary] = operations.reinterpret(
                            operations.multiply_by_power(operations.subtract(polynomial, image),
                                                         3 * layout.slots()),
                            factor);
                    }
                    operations.add_inplace(polynomial, image);
                    diagonals[layout.diagonal_at(i, first)] =
                        operations.reinterpret(std::move(polynomial), factor);
                    return;
                }
                const auto used = [&](std::size_t from) {
                    for (std::size_t place = from; place < layout.places(); place += 2 * step) {
                        if (layout.diagonal_at(i, place) < layout.rows()) {
                            return true;
                        }
                    }
                    return false;
                };
                const Handle image =
                    operations.rotate(polynomial, as_signed(layout.slots() / (2 * step)));
                if (used(first + step)) {
                    split(operations.multiply_by_power(operations.subtract(polynomial, image),
                                                       ring - step),
                          first + step, 2 * step);
                }
                if (used(first)) {
                    operations.add_inplace(polynomial, image);
                    split(std::move(polynomial), first, 2 * step);
                }
            };
        split(std::move(packed[i]), 0, 1);
    }
    return diagonals;
}

Handle multiply_symmetric(Operations& operations, const JointLayout& layout,
                          const std::vector<Handle>& diagonals, const Handle& state) {
    const std::size_t babies = layout.babies();
    const std::size_t giants = layout.giants();
    const std::vector<Handle> ahead =
        turned(operations, state, 1, std::min(babies, layout.rows()), layout.hoisted());
    const std::vector<Handle> behind =
        turned(operations, state, -as_signed(babies), giants, layout.hoisted());
    const auto at = [&](const std::vector<Handle>& family, std::size_t i) {
        return i == 0 ? &state : &family[i];
    };
    // The upper half by giants, the lower one by babies.
    const auto upper = [&](std::size_t u) {
        std::vector<HandleProduct> products;
        for (std::size_t v = 0; v < babies && u * babies + v < layout.rows(); ++v) {
            products.push_back({&diagonals[u * babies + v], at(ahead, v)});
        }
        return operations.sum_of_products(products);
    };
    const auto lower = [&](std::size_t v) {
        std::vector<HandleProduct> products;
        for (std::size_t u = v == 0 ? 1 : 0; u * babies + v < layout.rows(); ++u) {
            products.push_back({&diagonals[u * babies + v], at(behind, u)});
        }
        return operations.sum_of_products(products);
    };
    // rot_step(... rot_step(part(last)) + part(last - 1) ...) + ... + part(1), turned once more.
    const auto joined = [&](std::size_t last, std::int64_t step, const auto& part) {
        Handle sum = operations.relinearize(part(last));
        for (std::size_t i = last; --i > 0;) {
            sum = operations.rotate(sum, step);
            operations.add_inplace(sum, operations.relinearize(part(i)));
        }
        return operations.rotate(sum, step);
    };
    Handle here = upper(0);
    if (giants > 1) {
        here = operations.add(here, lower(0));
    }
    Handle result = operations.relinearize(here);
    if (giants > 1) {
        operations.add_inplace(result, joined(giants - 1, as_signed(babies), upper));
    }
    const std::size_t last = std::min(babies, layout.rows()) - 1;
    if (last > 0) {
        operations.add_inplace(result, joined(last, -1, lower));
    }
    return result;
}

}  // namespace cipherfit
