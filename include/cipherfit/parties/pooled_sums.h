// Sums over contributors, exact, of which nobody sees the terms.
//
// Each contributor adds, to every number, streams that it shares with one other contributor each:
// one adds the stream, the other subtracts it, modulo 2^64. All streams cancel in the sum of all.
// Nothing is encrypted and nothing is opened: row counts, sums and sums of squares cost no release.
// All but one contributor together learn that one's numbers by subtraction, and so does whoever
// gets the sums of two charters that differ in one contributor; owner/rows_ledger.h refuses that.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/charter.h"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace cipherfit {

// round(value 2^fraction_bits) modulo 2^64, negative numbers as their complement. Throws
// Error(bad_input) where the sum of `terms` such numbers could leave [-2^63, 2^63).
std::uint64_t to_fixed_point(double value, unsigned fraction_bits, std::size_t terms);
double from_fixed_point(std::uint64_t sum, unsigned fraction_bits) noexcept;

// The sums, from the masked numbers of every contributor of the charter, by member. Errors
// (bad_input) name a contributor who is missing, a member who is none, or one whose count of
// numbers differs from the first's.
Expected<std::vector<std::uint64_t>> pooled_sums(
    const Charter& charter, const std::map<std::uint32_t, std::vector<std::uint64_t>>& masked);

std::vector<std::uint8_t> masked_to_bytes(std::span<const std::uint64_t> masked);
Expected<std::vector<std::uint64_t>> masked_from_bytes(std::span<const std::uint8_t> bytes);

}  // namespace cipherfit
