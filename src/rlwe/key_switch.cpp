#include "rlwe/key_switch.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "rlwe/key_switch_steps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

// One limb of both parts of the inner product, with P times what is added: ModDown takes that P
// away again.
void switch_limb(const Ring& ring, const Decomposition& digits, const KeySwitch& request,
                 std::size_t limb, const std::array<std::uint64_t*, 2>& out) {
    multiply_limb(ring, digits, *request.key, limb, out);
    for (std::size_t part = 0; part < 2; ++part) {
        if (request.added[part] != nullptr && limb <= digits.level) {
            kernels().multiply_scalar_add(out[part], request.added[part]->limb(limb),
                                          ring.p_mod(limb), ring.n(), ring.modulus(limb));
        }
    }
}

// The same, permuted and summed over several requests.
void sum_limb(const Ring& ring, const Decomposition& digits, std::span<const KeySwitch> requests,
              std::size_t limb, const std::array<std::uint64_t*, 2>& out) {
    const std::size_t n = ring.n();
    RnsPoly scratch(n, 3);
    for (const KeySwitch& request : requests) {
        switch_limb(ring, digits, request, limb, {scratch.limb(0), scratch.limb(1)});
        for (std::size_t part = 0; part < 2; ++part) {
            const std::uint32_t* permutation = request.permutation->data();
            if (&request == requests.data()) {
                kernels().permute(out[part], scratch.limb(part), permutation, n);
            } else {
                kernels().permute(scratch.limb(2), scratch.limb(part), permutation, n);
                kernels().add(out[part], out[part], scratch.limb(2), n,
                              ring.modulus(ring.prime_of_limb(limb, digits.level)));
            }
        }
    }
}

void require_transformed(const Decomposition& digits) {
    require(digits.transformed, ErrorCode::invalid_argument,
            "these digits are still coefficients: decompose() transforms them");
}

// What ModDown takes off both parts of a pair modulo Q_level P, of which `fill(limb, out)` gives
// the dropped limbs as NTT values. The pair's other limbs need not exist yet.
template <class Fill>
std::vector<RnsPoly> remainders_of(const Ring& ring, std::size_t level, bool rescale,
                                   const Fill& fill) {
    const std::size_t kept = kept_limbs(level, rescale);
    const std::size_t dropped = level + 1 + ring.p_count() - kept;
    std::array<RnsPoly, 2> sources{RnsPoly(ring.n(), dropped), RnsPoly(ring.n(), dropped)};
    std::array<std::vector<const std::uint64_t*>, 2> limbs;
    for (std::size_t part = 0; part < 2; ++part) {
        for (std::size_t i = 0; i < dropped; ++i) {
            limbs[part].push_back(sources[part].limb(i));
        }
    }
    parallel_for(0, dropped, [&](std::size_t i) {
        const std::size_t prime = ring.prime_of_limb(kept + i, level);
        fill(kept + i, std::array{sources[0].limb(i), sources[1].limb(i)});
        ring.inverse(sources[0].limb(i), prime);
        ring.inverse(sources[1].limb(i), prime);
    });
    return remainders(ring, level, rescale, limbs);
}

// `raw`: the same digits, where they are yet to be transformed.
std::vector<RnsPoly> switch_one(const Ring& ring, const Decomposition& digits, Decomposition* raw,
                                const KeySwitch& request, bool rescale) {
    const std::size_t n = ring.n();
    const std::size_t level = digits.level;
    std::vector<RnsPoly> values =
        remainders_of(ring, level, rescale, [&](std::size_t limb, const auto& out) {
            if (raw != nullptr) {
                transform_limb(ring, *raw, limb);
            }
            switch_limb(ring, digits, request, limb, out);
        });
    const std::size_t kept = values[0].limbs();
    std::vector<RnsPoly> permuted;
    if (request.permutation != nullptr) {
        permuted.emplace_back(n, kept);
        permuted.emplace_back(n, kept);
    }
    parallel_for(0, kept, [&](std::size_t limb) {
        if (raw != nullptr) {
            transform_limb(ring, *raw, limb);
        }
        const Modulus& q = ring.modulus(limb);
        const ShoupFactor& factor = divisor_inverse(ring, level, rescale, limb);
        const std::array out{values[0].limb(limb), values[1].limb(limb)};
        ring.forward(out[0], limb);
        ring.forward(out[1], limb);
        for_blocks(n, [&](std::size_t offset, std::size_t size) {
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before it is read
            alignas(64) std::array<std::array<std::uint64_t, product_block>, 2> products;
            multiply_block(ring, digits, *request.key, limb, offset, size,
                           {products[0].data(), products[1].data()});
            for (std::size_t part = 0; part < 2; ++part) {
                std::uint64_t* at = out[part] + offset;
                kernels().subtract_multiply_scalar(at, products[part].data(), at, factor, size, q);
                if (request.added[part] != nullptr) {
                    const std::uint64_t* added = request.added[part]->limb(limb) + offset;
                    if (rescale) {
                        kernels().multiply_scalar_add(at, added, ring.q_inverse(level, limb), size,
                                                      q);
                    } else {
                        kernels().add(at, at, added, size, q);
                    }
                }
            }
        });
        for (std::size_t part = 0; part < permuted.size(); ++part) {
            kernels().permute(permuted[part].limb(limb), out[part], request.permutation->data(), n);
        }
    });
    return request.permutation != nullptr ? std::move(permuted) : std::move(values);
}

}  // namespace

Decomposition raise(const Ring& ring, const RnsPoly& source, std::size_t level) {
    const std::size_t n = ring.n();
    RnsPoly coefficients(n, level + 1);
    parallel_for(0, level + 1, [&](std::size_t i) {
        std::memcpy(coefficients.limb(i), source.limb(i), n * sizeof(std::uint64_t));
        ring.inverse(coefficients.limb(i), i);
    });

    Decomposition result;
    result.level = level;
    const std::size_t limbs = level + 1 + ring.p_count();
    const std::size_t digits = ring.digits_at(level);
    std::vector<LimbConversion> tasks(digits);
    result.raised.reserve(digits);
    result.limbs.assign(digits, std::vector<const std::uint64_t*>(limbs));
    for (std::size_t digit = 0; digit < digits; ++digit) {
        const std::size_t first = digit * ring.digit_size();
        const std::size_t last = std::min(first + ring.digit_size(), level + 1);
        RnsPoly& raised = result.raised.emplace_back(n, limbs - (last - first));
        LimbConversion& task = tasks[digit];
        task.conversion = &ring.mod_up(level, digit);
        for (std::size_t limb = 0; limb < limbs; ++limb) {
            if (limb >= first && limb < last) {
                result.limbs[digit][limb] = source.limb(limb);
                task.in.push_back(coefficients.limb(limb));
            } else {
                task.out.push_back(raised.limb(task.out.size()));
                result.limbs[digit][limb] = task.out.back();
            }
        }
    }
    convert(tasks, n);
    return result;
}

Decomposition decompose(const Ring& ring, const RnsPoly& source, std::size_t level) {
    Decomposition result = raise(ring, source, level);
    parallel_for(0, level + 1 + ring.p_count(),
                 [&](std::size_t limb) { transform_limb(ring, result, limb); });
    result.transformed = true;
    return result;
}

std::vector<RnsPoly> switch_key(const Ring& ring, Decomposition& digits, const KeySwitch& request,
                                bool rescale) {
    Decomposition* const raw = digits.transformed ? nullptr : &digits;
    std::vector<RnsPoly> result = switch_one(ring, digits, raw, request, rescale);
    digits.transformed = true;
    return result;
}

std::vector<RnsPoly> switch_key(const Ring& ring, const Decomposition& digits,
                                const KeySwitch& request, bool rescale) {
    require_transformed(digits);
    return switch_one(ring, digits, nullptr, request, rescale);
}

std::vector<RnsPoly> switch_keys_and_sum(const Ring& ring, const Decomposition& digits,
                                         std::span<const KeySwitch> requests) {
    require_transformed(digits);
    const std::size_t level = digits.level;
    std::vector<RnsPoly> values = remainders_of(
        ring, level, false,
        [&](std::size_t limb, const auto& out) { sum_limb(ring, digits, requests, limb, out); });
    parallel_for(0, level + 1, [&](std::size_t limb) {
        RnsPoly sum(ring.n(), 2);
        sum_limb(ring, digits, requests, limb, {sum.limb(0), sum.limb(1)});
        for (std::size_t part = 0; part < 2; ++part) {
            divide_limb(ring, level, false, limb, sum.limb(part), values[part].limb(limb));
        }
    });
    return values;
}

}  // namespace cipherfit
