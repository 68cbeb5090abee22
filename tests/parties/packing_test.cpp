// The bytes of residues against their definition, one bit at a time.
#include "parties/packing.h"

#include "support/errors.h"
#include "support/key_switch_reference.h"
#include "support/rings.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::same;
using test::small_ring;
using test::throws;
using test::uniform_poly;
using Bytes = std::vector<std::uint8_t>;

// 40-bit primes, a first one of 50 and two special ones of 50.
const Ring& packed_ring() {
    static const Parameters parameters = small_ring(5, 2, 40, 1);
    return parameters.ring();
}

void append_bits(Bytes& out, std::span<const std::uint64_t> words, unsigned width) {
    std::size_t bit = 0;
    for (const std::uint64_t word : words) {
        for (unsigned b = 0; b < width; ++b, ++bit) {
            if (bit % 8 == 0) {
                out.push_back(0);
            }
            out.back() = static_cast<std::uint8_t>(out.back() | ((word >> b) & 1U) << bit % 8);
        }
    }
}

Bytes naive_bytes(const Ring& ring, const RnsPoly& poly, std::size_t level) {
    Bytes out;
    for (std::size_t limb = 0; limb < poly.limbs(); ++limb) {
        append_bits(out, {poly.limb(limb), ring.n()},
                    ring.modulus(ring.prime_of_limb(limb, level)).bits());
    }
    return out;
}

TEST(Packing, HasEachLimbAtTheWidthOfItsPrime) {
    const Ring& ring = packed_ring();
    for (std::size_t level = 0; level <= 2; ++level) {
        for (const std::size_t limbs : {level + 1, level + 1 + ring.p_count()}) {
            const RnsPoly poly = uniform_poly(ring, limbs, level, 3);
            const Bytes expected = naive_bytes(ring, poly, level);
            EXPECT_EQ(packed_poly_bytes(ring, limbs, level), expected.size());
            Bytes packed{7};
            pack_poly(ring, poly, level, packed);
            Bytes after{7};
            after.insert(after.end(), expected.begin(), expected.end());
            EXPECT_EQ(packed, after);
            EXPECT_TRUE(same(unpack_poly(ring, limbs, level, expected), poly));

            ByteWriter out;
            write_poly(out, ring, poly, level);
            EXPECT_EQ(out.take(), expected);
            ByteReader in(expected);
            EXPECT_TRUE(same(read_poly(in, ring, limbs, level), poly));
            EXPECT_TRUE(in.finish("it"));

            ByteWriter one_by_one;
            ByteReader again(expected);
            RnsPoly back(ring.n(), limbs);
            for (std::size_t limb = 0; limb < limbs; ++limb) {
                const Modulus& q = ring.modulus(ring.prime_of_limb(limb, level));
                write_residues(one_by_one, {poly.limb(limb), ring.n()}, q);
                read_residues(again, {back.limb(limb), ring.n()}, q);
            }
            EXPECT_EQ(one_by_one.take(), expected);
            EXPECT_TRUE(again.finish("it"));
            EXPECT_TRUE(same(back, poly));
        }
    }
}

void expect_refused(const Ring& ring, const Bytes& bytes, std::size_t limbs, const char* reason) {
    EXPECT_TRUE(throws(ErrorCode::corrupt_data, {reason},
                       [&] { static_cast<void>(unpack_poly(ring, limbs, 2, bytes)); }));
    ByteReader in(bytes);
    EXPECT_EQ(read_poly(in, ring, limbs, 2).limbs(), 0U);
    const auto done = in.finish("it");
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find(reason), std::string::npos) << done.error().message;
}

TEST(Packing, RefusesResiduesThatAreNotBelowTheirPrime) {
    const Ring& ring = packed_ring();
    for (std::size_t limb = 0; limb < 3; ++limb) {
        RnsPoly poly = uniform_poly(ring, 3, 2, 3);
        poly.limb(limb)[ring.n() - 1] = ring.modulus(limb).value - 1;
        EXPECT_TRUE(same(unpack_poly(ring, 3, 2, naive_bytes(ring, poly, 2)), poly));
        poly.limb(limb)[ring.n() - 1] = ring.modulus(limb).value;
        expect_refused(ring, naive_bytes(ring, poly, 2), 3, "not below its prime");
    }
}

TEST(Packing, RefusesFillingBitsAndMissingBytes) {
    const Ring& ring = packed_ring();
    const Modulus& q = ring.modulus(0);
    // An odd number of residues, so that bits are left over.
    const std::vector<std::uint64_t> words{1, 2, 3};
    ASSERT_NE(words.size() * q.bits() % 8, 0U);
    Bytes bytes;
    append_bits(bytes, words, q.bits());
    std::vector<std::uint64_t> back(3);
    ByteReader whole(bytes);
    read_residues(whole, back, q);
    EXPECT_TRUE(whole.finish("it"));
    EXPECT_EQ(back, words);
    bytes.back() = static_cast<std::uint8_t>(bytes.back() | 0x80U);
    ByteReader filled(bytes);
    read_residues(filled, back, q);
    const auto done = filled.finish("it");
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("filling bits"), std::string::npos);

    const Bytes poly = naive_bytes(ring, uniform_poly(ring, 3, 2, 3), 2);
    const std::span<const std::uint8_t> all(poly);
    ByteReader cut(all.first(all.size() - 1));
    EXPECT_EQ(read_poly(cut, ring, 3, 2).limbs(), 0U);
    EXPECT_FALSE(cut.ok());
}

}  // namespace
}  // namespace cipherfit
