#include "rlwe/key_switch_steps.h"

#include "cipherfit/base/parallel.h"

namespace cipherfit {
namespace {

// Coefficients that one task of a base conversion handles: all limbs of a block stay in the cache.
constexpr std::size_t conversion_block = 2048;
constexpr std::size_t most_digits = 128;
constexpr std::size_t most_limbs = 128;
constexpr std::size_t most_converted = 64;

void convert_block(const LimbConversion& task, std::size_t offset, std::size_t size) {
    std::array<std::uint64_t*, most_limbs> out{};
    std::array<const std::uint64_t*, most_converted> in{};
    std::transform(task.out.begin(), task.out.end(), out.begin(),
                   [&](std::uint64_t* limb) { return limb + offset; });
    std::transform(task.in.begin(), task.in.end(), in.begin(),
                   [&](const std::uint64_t* limb) { return limb + offset; });
    task.conversion->apply(out.data(), in.data(), size);
}

}  // namespace

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

void multiply_half(std::span<const std::uint64_t* const> digits, const std::vector<RnsPoly>& half,
                   std::size_t key_limb, LimbBlock block, const Modulus& q, std::uint64_t* out) {
    if (digits.size() == 1) {  // a plain product is reduced with less work than a sum
        kernels().multiply(out, digits[0] + block.offset, half[0].limb(key_limb) + block.offset,
                           block.size, q);
        return;
    }
    // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): written before they are read
    std::array<const std::uint64_t*, most_digits> left;
    std::array<const std::uint64_t*, most_digits> right;
    // NOLINTEND(cppcoreguidelines-pro-type-member-init)
    for (std::size_t digit = 0; digit < digits.size(); ++digit) {
        left[digit] = digits[digit] + block.offset;
        right[digit] = half[digit].limb(key_limb) + block.offset;
    }
    kernels().multiply_accumulate(out, left.data(), right.data(), digits.size(), false, block.size,
                                  q);
}

void multiply_block(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                    std::size_t limb, std::size_t offset, std::size_t size,
                    const std::array<std::uint64_t*, 2>& out) {
    const std::size_t key_limb = limb_of_key(key, limb, digits.level);
    const Modulus& q = ring.modulus(ring.prime_of_limb(limb, digits.level));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before it is read
    std::array<const std::uint64_t*, most_digits> limbs;
    const std::size_t count = digits.limbs.size();
    for (std::size_t digit = 0; digit < count; ++digit) {
        limbs[digit] = digits.limbs[digit][limb];
    }
    for (std::size_t part = 0; part < 2; ++part) {
        multiply_half({limbs.data(), count}, part == 0 ? key.b : key.a, key_limb, {offset, size}, q,
                      out[part]);
    }
}

void multiply_limb(const Ring& ring, const Decomposition& digits, const SwitchingKey& key,
                   std::size_t limb, const std::array<std::uint64_t*, 2>& out) {
    for_blocks(ring.n(), [&](std::size_t offset, std::size_t size) {
        multiply_block(ring, digits, key, limb, offset, size, {out[0] + offset, out[1] + offset});
    });
}

void convert(std::span<const LimbConversion> conversions, std::size_t n) {
    const std::size_t block = std::min(conversion_block, n);
    const std::size_t blocks = n / block;
    parallel_for(0, conversions.size() * blocks, [&](std::size_t i) {
        convert_block(conversions[i / blocks], i % blocks * block, block);
    });
}

std::vector<RnsPoly> remainders(const Ring& ring, std::size_t level, bool rescale,
                                std::span<const std::vector<const std::uint64_t*>> dropped) {
    const std::size_t kept = kept_limbs(level, rescale);
    std::vector<RnsPoly> result;
    std::vector<LimbConversion> conversions;
    result.reserve(dropped.size());
    conversions.reserve(dropped.size());
    for (const std::vector<const std::uint64_t*>& limbs : dropped) {
        RnsPoly& poly = result.emplace_back(ring.n(), kept);
        LimbConversion& one = conversions.emplace_back();
        one.conversion = rescale ? &ring.mod_down_rescale(level) : &ring.mod_down(level);
        one.in = limbs;
        for (std::size_t limb = 0; limb < kept; ++limb) {
            one.out.push_back(poly.limb(limb));
        }
    }
    convert(conversions, ring.n());
    return result;
}

void divide_limb(const Ring& ring, std::size_t level, bool rescale, std::size_t limb,
                 const std::uint64_t* value, std::uint64_t* remainder) {
    ring.forward(remainder, limb);
    kernels().subtract_multiply_scalar(remainder, value, remainder,
                                       divisor_inverse(ring, level, rescale, limb), ring.n(),
                                       ring.modulus(limb));
}

}  // namespace cipherfit
