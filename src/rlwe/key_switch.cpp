#include "rlwe/key_switch.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace cipherfit {
namespace {

// Coefficients that one task of a base conversion handles: all limbs of a block stay in the cache.
constexpr std::size_t conversion_block = 2048;
// Words of a limb whose products are summed for both parts before the next ones are touched: the
// digits are then read from the first-level cache the second time.
constexpr std::size_t product_block = 1024;
constexpr std::size_t most_digits = 128;
constexpr std::size_t most_limbs = 128;

// The conversion of `in` to `out`, of the block of coefficients with that number.
struct ConversionTask {
    const BaseConversion* conversion = nullptr;
    std::vector<const std::uint64_t*> in;
    std::vector<std::uint64_t*> out;

    void run(std::size_t block, std::size_t size) const {
        const std::size_t offset = block * size;
        std::array<std::uint64_t*, most_limbs> block_out{};
        std::array<const std::uint64_t*, 64> block_in{};
        std::transform(out.begin(), out.end(), block_out.begin(),
                       [&](std::uint64_t* limb) { return limb + offset; });
        std::transform(in.begin(), in.end(), block_in.begin(),
                       [&](const std::uint64_t* limb) { return limb + offset; });
        conversion->apply(block_out.data(), block_in.data(), size);
    }
};

// Several conversions of whole limbs, in parallel over blocks of coefficients.
void convert(const std::vector<ConversionTask>& tasks, std::size_t n) {
    const std::size_t block = std::min(conversion_block, n);
    const std::size_t blocks = n / block;
    parallel_for(0, tasks.size() * blocks,
                 [&](std::size_t i) { tasks[i / blocks].run(i % blocks, block); });
}

// Words [offset, offset + size) of one limb of both parts of the inner product.
void multiply_block(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                    std::size_t limb, std::size_t offset, std::size_t size,
                    const std::array<std::uint64_t*, 2>& out) {
    // A key of a higher level has its special limbs further back.
    const std::size_t key_limb = limb <= digits.level ? limb : limb + (key.level - digits.level);
    const std::size_t count = digits.limbs.size();
    // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): written before they are read
    std::array<const std::uint64_t*, most_digits> left;
    std::array<const std::uint64_t*, most_digits> right;
    // NOLINTEND(cppcoreguidelines-pro-type-member-init)
    for (std::size_t digit = 0; digit < count; ++digit) {
        left[digit] = digits.limbs[digit][limb] + offset;
    }
    for (std::size_t part = 0; part < 2; ++part) {
        const auto& polys = part == 0 ? key.b : key.a;
        for (std::size_t digit = 0; digit < count; ++digit) {
            right[digit] = polys[digit].limb(key_limb) + offset;
        }
        kernels().multiply_accumulate(out[part], left.data(), right.data(), count, false, size,
                                      ring.modulus(ring.prime_of_limb(limb, digits.level)));
    }
}

// Calls body(offset, size) for the blocks of a limb.
template <class Body>
void for_blocks(std::size_t n, const Body& body) {
    const std::size_t size = std::min(product_block, n);
    for (std::size_t offset = 0; offset < n; offset += size) {
        body(offset, size);
    }
}

// The digits' limbs that conversion has left as coefficients become NTT values.
void transform_limb(const Ring& ring, Decomposition& digits, std::size_t limb) {
    const std::size_t prime = ring.prime_of_limb(limb, digits.level);
    for (std::size_t digit = 0; digit < digits.raised.size(); ++digit) {
        const std::size_t first = digit * ring.digit_size();
        const std::size_t last = std::min(first + ring.digit_size(), digits.level + 1);
        if (limb < first) {
            ring.forward(digits.raised[digit].limb(limb), prime);
        } else if (limb >= last) {
            ring.forward(digits.raised[digit].limb(limb - (last - first)), prime);
        }
    }
}

// One limb of both parts of the inner product, with P times what is added: ModDown takes that P
// away again.
void switch_limb(const Ring& ring, const Decomposition& digits, const KeySwitch& request,
                 std::size_t limb, const std::array<std::uint64_t*, 2>& out) {
    for_blocks(ring.n(), [&](std::size_t offset, std::size_t size) {
        multiply_block(ring, digits, *request.key, limb, offset, size,
                       {out[0] + offset, out[1] + offset});
    });
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

// What ModDown takes off, for both parts: the limbs of P (and of q_level, where rescaled) of the
// pair modulo Q_l P, which `fill(limb, out)` gives as NTT values, converted to the limbs that are
// kept. Coefficients. The pair's other limbs need not exist yet.
template <class Fill>
std::vector<RnsPoly> remainders(const Ring& ring, std::size_t level, bool rescale,
                                const Fill& fill) {
    const std::size_t n = ring.n();
    const std::size_t kept = rescale ? level : level + 1;
    const std::size_t dropped = level + 1 + ring.p_count() - kept;
    std::array<RnsPoly, 2> sources{RnsPoly(n, dropped), RnsPoly(n, dropped)};
    std::vector<RnsPoly> result;
    std::vector<ConversionTask> tasks(2);
    for (std::size_t part = 0; part < 2; ++part) {
        result.emplace_back(n, kept);
        tasks[part].conversion = rescale ? &ring.mod_down_rescale(level) : &ring.mod_down(level);
        for (std::size_t limb = 0; limb < kept; ++limb) {
            tasks[part].out.push_back(result[part].limb(limb));
        }
        for (std::size_t i = 0; i < dropped; ++i) {
            tasks[part].in.push_back(sources[part].limb(i));
        }
    }
    parallel_for(0, dropped, [&](std::size_t i) {
        const std::size_t prime = ring.prime_of_limb(kept + i, level);
        fill(kept + i, std::array{sources[0].limb(i), sources[1].limb(i)});
        ring.inverse(sources[0].limb(i), prime);
        ring.inverse(sources[1].limb(i), prime);
    });
    convert(tasks, n);
    return result;
}

// `raw`: the same digits, where they are yet to be transformed.
std::vector<RnsPoly> switch_one(const Ring& ring, const Decomposition& digits, Decomposition* raw,
                                const KeySwitch& request, bool rescale) {
    const std::size_t n = ring.n();
    const std::size_t level = digits.level;
    std::vector<RnsPoly> values =
        remainders(ring, level, rescale, [&](std::size_t limb, const auto& out) {
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
        const ShoupFactor& factor = rescale ? ring.pq_inverse(level, limb) : ring.p_inverse(limb);
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
    std::vector<ConversionTask> tasks(digits);
    result.raised.reserve(digits);
    result.limbs.assign(digits, std::vector<const std::uint64_t*>(limbs));
    for (std::size_t digit = 0; digit < digits; ++digit) {
        const std::size_t first = digit * ring.digit_size();
        const std::size_t last = std::min(first + ring.digit_size(), level + 1);
        RnsPoly& raised = result.raised.emplace_back(n, limbs - (last - first));
        ConversionTask& task = tasks[digit];
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
    std::vector<RnsPoly> values = remainders(
        ring, level, false,
        [&](std::size_t limb, const auto& out) { sum_limb(ring, digits, requests, limb, out); });
    parallel_for(0, level + 1, [&](std::size_t limb) {
        RnsPoly sum(ring.n(), 2);
        sum_limb(ring, digits, requests, limb, {sum.limb(0), sum.limb(1)});
        for (std::size_t part = 0; part < 2; ++part) {
            std::uint64_t* out = values[part].limb(limb);
            ring.forward(out, limb);
            kernels().subtract_multiply_scalar(out, sum.limb(part), out, ring.p_inverse(limb),
                                               ring.n(), ring.modulus(limb));
        }
    });
    return values;
}

}  // namespace cipherfit
