// Residues in files: each limb packed to the width of its prime.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/container.h"
#include "cipherfit/rlwe/rns_poly.h"
#include "rlwe/ring.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cipherfit {

// Tags of sections that several files have.
inline constexpr std::uint32_t tag_plan = section_tag("PLAN");
inline constexpr std::uint32_t tag_answer_key = section_tag("AKEY");
inline constexpr std::uint32_t tag_list = section_tag("LIST");
inline constexpr std::uint32_t tag_key = section_tag("EKEY");
inline constexpr std::uint32_t tag_seeded = section_tag("SEED");
inline constexpr std::uint32_t tag_ciphertext = section_tag("CIPH");

// Bytes of the limbs 0..limbs-1 modulo Q_level (P).
std::size_t packed_poly_bytes(const Ring& ring, std::size_t limbs, std::size_t level);
// Appends them.
void pack_poly(const Ring& ring, const RnsPoly& poly, std::size_t level,
               std::vector<std::uint8_t>& out);
// Reads them back; throws Error(corrupt_data) for a residue that is not below its prime.
// `bytes` has packed_poly_bytes() bytes.
RnsPoly unpack_poly(const Ring& ring, std::size_t limbs, std::size_t level,
                    std::span<const std::uint8_t> bytes);

// Runs f, which may throw Error, and turns its result or its error into an Expected.
template <class F>
auto expected(F&& f) -> Expected<decltype(f())> {
    try {
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            return {};
        } else {
            return f();
        }
    } catch (const Error& error) {
        return tl::unexpected<ErrorInfo>(error.info());
    }
}

}  // namespace cipherfit
