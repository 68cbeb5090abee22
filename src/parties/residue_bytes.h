// Residues in byte strings: each limb packed to the width of its prime.
#pragma once

#include "cipherfit/io/bits.h"
#include "cipherfit/io/bytes.h"
#include "math/modulus.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

inline void write_residues(ByteWriter& out, std::span<const std::uint64_t> values,
                           const Modulus& q) {
    std::vector<std::uint8_t> packed(packed_bytes(values.size(), q.bits()));
    pack_bits(values, q.bits(), packed);
    out.bytes(packed);
}

// Reads values.size() residues; records a failure of `in` for one that is not below its prime.
inline void read_residues(ByteReader& in, std::span<std::uint64_t> values, const Modulus& q) {
    const auto packed = in.bytes(packed_bytes(values.size(), q.bits()));
    if (!in.ok()) {
        return;
    }
    if (!unpack_bits(packed, q.bits(), values)) {
        in.fail("the filling bits of a limb are not zero");
    } else if (!std::ranges::all_of(values, [&](std::uint64_t x) { return x < q.value; })) {
        in.fail("a residue is not below its prime");
    }
}

}  // namespace cipherfit
