// Dense packing of words of `width` bits: residues modulo a prime of `width` bits take no more than
// that in a file. Bit b of word i is bit (i*width + b) of the packed string, where bit k is bit
// (k mod 8) of byte floor(k / 8): least significant first throughout. The bits that fill up the
// last byte are zero.
#pragma once

#include "cipherfit/base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace cipherfit {

// ceil(count * width / 8). 1 <= width <= 64 and count <= 2^57; throws Error (invalid_argument).
std::size_t packed_bytes(std::size_t count, unsigned width);

// Packs `words`, each below 2^width, into `out` of exactly packed_bytes(words.size(), width) bytes.
// Throws Error (invalid_argument) when a size, the width or a word is out of range.
void pack_bits(std::span<const std::uint64_t> words, unsigned width, std::span<std::uint8_t> out);

// The inverse. `bytes` must have exactly packed_bytes(words.size(), width) bytes, or Error
// (invalid_argument) is thrown: the caller derives both sizes from what it has checked.
// corrupt_data when the filling bits are not zero. Any word below 2^width can come out: whether a
// residue is below its modulus remains to be checked.
Expected<void> unpack_bits(std::span<const std::uint8_t> bytes, unsigned width,
                           std::span<std::uint64_t> words);

}  // namespace cipherfit
