// Residues in byte strings: each limb packed to the width of its prime (io/bits.h), one after the
// other. Contents of jobs and messages of several owners have the same form. What is read is
// untrusted: a residue must be below its prime, and the bits that fill up a limb must be zero.
#pragma once

#include "cipherfit/io/bytes.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "math/modulus.h"
#include "rlwe/ring.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// One limb, of any number of residues. Reading fails the reader where it must.
void write_residues(ByteWriter& out, std::span<const std::uint64_t> values, const Modulus& q);
void read_residues(ByteReader& in, std::span<std::uint64_t> values, const Modulus& q);

// Bytes of the limbs 0..limbs-1 modulo Q_level (P).
std::size_t packed_poly_bytes(const Ring& ring, std::size_t limbs, std::size_t level);
// Appends them, those of a polynomial of as many limbs.
void pack_poly(const Ring& ring, const RnsPoly& poly, std::size_t level,
               std::vector<std::uint8_t>& out);
void write_poly(ByteWriter& out, const Ring& ring, const RnsPoly& poly, std::size_t level);
// Reads them back from packed_poly_bytes() bytes. Throws Error(corrupt_data); nothing of what was
// read is left in memory then.
RnsPoly unpack_poly(const Ring& ring, std::size_t limbs, std::size_t level,
                    std::span<const std::uint8_t> bytes);
// The same, but fails the reader; the polynomial is then empty. It is not allocated before its
// bytes are there.
RnsPoly read_poly(ByteReader& in, const Ring& ring, std::size_t limbs, std::size_t level);

}  // namespace cipherfit
