#include "parties/packing.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/bits.h"

#include <algorithm>

namespace cipherfit {
namespace {

std::size_t limb_bytes(std::size_t n, const Modulus& q) {
    return packed_bytes(n, q.bits());
}

// What is wrong with a limb, or nullptr.
const char* unpack_limb(std::span<const std::uint8_t> bytes, const Modulus& q,
                        std::span<std::uint64_t> values) {
    if (!unpack_bits(bytes, q.bits(), values)) {
        return "the filling bits of a limb are not zero";
    }
    std::uint64_t largest = 0;
    for (const std::uint64_t value : values) {
        largest = std::max(largest, value);
    }
    return largest < q.value ? nullptr : "a residue is not below its prime";
}

const Modulus& modulus_of(const Ring& ring, std::size_t limb, std::size_t level) {
    return ring.modulus(ring.prime_of_limb(limb, level));
}

// Where each limb begins, and the end of the last.
std::vector<std::size_t> limb_offsets(const Ring& ring, std::size_t limbs, std::size_t level) {
    std::vector<std::size_t> result{0};
    for (std::size_t limb = 0; limb < limbs; ++limb) {
        result.push_back(result.back() + limb_bytes(ring.n(), modulus_of(ring, limb, level)));
    }
    return result;
}

// The first limb's defect, whichever thread finds one first.
const char* unpack_limbs(const Ring& ring, std::size_t level, std::span<const std::uint8_t> bytes,
                         RnsPoly& poly) {
    const auto at = limb_offsets(ring, poly.limbs(), level);
    std::vector<const char*> defects(poly.limbs());
    parallel_for(0, poly.limbs(), [&](std::size_t limb) {
        defects[limb] = unpack_limb(bytes.subspan(at[limb], at[limb + 1] - at[limb]),
                                    modulus_of(ring, limb, level), {poly.limb(limb), ring.n()});
    });
    const auto first = std::ranges::find_if(defects, [](const char* x) { return x != nullptr; });
    if (first == defects.end()) {
        return nullptr;
    }
    poly.wipe();
    return *first;
}

}  // namespace

void write_residues(ByteWriter& out, std::span<const std::uint64_t> values, const Modulus& q) {
    std::vector<std::uint8_t> packed(limb_bytes(values.size(), q));
    pack_bits(values, q.bits(), packed);
    out.bytes(packed);
}

void read_residues(ByteReader& in, std::span<std::uint64_t> values, const Modulus& q) {
    const auto packed = in.bytes(limb_bytes(values.size(), q));
    if (!in.ok()) {
        return;
    }
    if (const char* defect = unpack_limb(packed, q, values)) {
        in.fail(defect);
    }
}

std::size_t packed_poly_bytes(const Ring& ring, std::size_t limbs, std::size_t level) {
    return limb_offsets(ring, limbs, level).back();
}

void pack_poly(const Ring& ring, const RnsPoly& poly, std::size_t level,
               std::vector<std::uint8_t>& out) {
    const auto at = limb_offsets(ring, poly.limbs(), level);
    const std::size_t start = out.size();
    out.resize(start + at.back());
    const std::span<std::uint8_t> bytes = std::span(out).subspan(start);
    parallel_for(0, poly.limbs(), [&](std::size_t limb) {
        pack_bits({poly.limb(limb), ring.n()}, modulus_of(ring, limb, level).bits(),
                  bytes.subspan(at[limb], at[limb + 1] - at[limb]));
    });
}

void write_poly(ByteWriter& out, const Ring& ring, const RnsPoly& poly, std::size_t level) {
    std::vector<std::uint8_t> bytes;
    pack_poly(ring, poly, level, bytes);
    out.bytes(bytes);
}

RnsPoly unpack_poly(const Ring& ring, std::size_t limbs, std::size_t level,
                    std::span<const std::uint8_t> bytes) {
    RnsPoly poly(ring.n(), limbs);
    const char* defect = unpack_limbs(ring, level, bytes, poly);
    require(defect == nullptr, ErrorCode::corrupt_data, "{}", defect);
    return poly;
}

RnsPoly read_poly(ByteReader& in, const Ring& ring, std::size_t limbs, std::size_t level) {
    const auto bytes = in.bytes(packed_poly_bytes(ring, limbs, level));
    if (!in.ok()) {
        return {};
    }
    RnsPoly poly(ring.n(), limbs);
    if (const char* defect = unpack_limbs(ring, level, bytes, poly)) {
        in.fail(defect);
        return {};
    }
    return poly;
}

}  // namespace cipherfit
