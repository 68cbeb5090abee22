#include "protocol/packing.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/io/bits.h"

#include <algorithm>
#include <atomic>

namespace cipherfit {
namespace {

// Where each limb begins, and the end of the last.
std::vector<std::size_t> offsets(const Ring& ring, std::size_t limbs, std::size_t level) {
    std::vector<std::size_t> result{0};
    for (std::size_t limb = 0; limb < limbs; ++limb) {
        const unsigned width = ring.modulus(ring.prime_of_limb(limb, level)).bits();
        result.push_back(result.back() + packed_bytes(ring.n(), width));
    }
    return result;
}

}  // namespace

std::size_t packed_poly_bytes(const Ring& ring, std::size_t limbs, std::size_t level) {
    return offsets(ring, limbs, level).back();
}

void pack_poly(const Ring& ring, const RnsPoly& poly, std::size_t level,
               std::vector<std::uint8_t>& out) {
    const auto at = offsets(ring, poly.limbs(), level);
    const std::size_t start = out.size();
    out.resize(start + at.back());
    const std::span<std::uint8_t> bytes = std::span(out).subspan(start);
    parallel_for(0, poly.limbs(), [&](std::size_t limb) {
        const unsigned width = ring.modulus(ring.prime_of_limb(limb, level)).bits();
        pack_bits({poly.limb(limb), ring.n()}, width,
                  bytes.subspan(at[limb], at[limb + 1] - at[limb]));
    });
}

RnsPoly unpack_poly(const Ring& ring, std::size_t limbs, std::size_t level,
                    std::span<const std::uint8_t> bytes) {
    const auto at = offsets(ring, limbs, level);
    RnsPoly poly(ring.n(), limbs);
    std::atomic<bool> valid{true};
    parallel_for(0, limbs, [&](std::size_t limb) {
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, level));
        const std::span<std::uint64_t> words{poly.limb(limb), ring.n()};
        const bool unpacked =
            unpack_bits(bytes.subspan(at[limb], at[limb + 1] - at[limb]), q.bits(), words)
                .has_value();
        std::uint64_t largest = 0;
        for (const std::uint64_t word : words) {
            largest = std::max(largest, word);
        }
        if (!unpacked || largest >= q.value) {
            valid = false;
        }
    });
    require(valid, ErrorCode::corrupt_data, "a residue is not below its prime");
    return poly;
}

}  // namespace cipherfit
