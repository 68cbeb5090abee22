// The bytes of shares and points.
#include "cipherfit/parties/owner/secret_bytes.h"
#include "cipherfit/parties/share_bytes.h"
#include "parties/members.h"
#include "rlwe/multiparty/parties.h"

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Parties;

TEST(KeyShareBytes, ComeBackAndAreCheckedToTheLastResidue) {
    const Parameters parameters = test::small_ring(6, 2, 40, 2);
    const Parties parties(parameters, 1);
    std::vector<KeyShare> shares;
    shares.push_back(parties.dealers[0].public_key_share(parties.common));
    shares.push_back(parties.dealers[0].relinearization_one(parties.common, 2));
    shares.push_back(
        parties.dealers[0].switching_key_share(parties.common, KeyId::conjugation(), 0));
    auto bytes = to_bytes(parameters, shares);
    const auto read = key_shares_from_bytes(parameters, bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    ASSERT_EQ(read->size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(digest(parameters, (*read)[i]), digest(parameters, shares[i]));
    }
    EXPECT_EQ(to_bytes(parameters, *read), bytes);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 11) {
        EXPECT_FALSE(key_shares_from_bytes(parameters, std::span(bytes).first(cut)).has_value());
    }
    auto changed = bytes;
    changed[8] = 9;  // an unknown kind
    EXPECT_FALSE(key_shares_from_bytes(parameters, changed).has_value());
    changed = bytes;
    std::fill_n(changed.end() - 8, 8, std::uint8_t{0xff});  // above its prime of 2^50
    EXPECT_NE(key_shares_from_bytes(parameters, changed).error().message.find("below its prime"),
              std::string::npos);
    changed = bytes;
    changed[7] = 1;  // 2^56 shares
    EXPECT_FALSE(key_shares_from_bytes(parameters, changed).has_value());
}

TEST(PointBytes, ComeBackForTheHolderAndLevelTheyAreFor) {
    const Parameters parameters = test::small_ring(6, 2);
    const Parties parties(parameters, 1);
    const auto points = parties.dealers[0].release_points(3, 2, 1);
    const auto bytes = to_bytes(parameters, points[1]);
    const auto read = release_point_from_bytes(parameters, 2, 1, bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_TRUE(std::equal(read->values().limb(0), read->values().limb(0) + 128,
                           points[1].values().limb(0)));
    EXPECT_FALSE(release_point_from_bytes(parameters, 1, 1, bytes).has_value());
    EXPECT_FALSE(release_point_from_bytes(parameters, 2, 0, bytes).has_value());
    for (std::size_t cut = 0; cut < bytes.size(); cut += 5) {
        EXPECT_FALSE(
            release_point_from_bytes(parameters, 2, 1, std::span(bytes).first(cut)).has_value());
    }
    auto changed = bytes;
    std::fill_n(changed.end() - 5, 5, std::uint8_t{0xff});
    EXPECT_FALSE(release_point_from_bytes(parameters, 2, 1, changed).has_value());
}

TEST(ReleaseShareBytes, ComeBackForTheRequestTheyAnswer) {
    const Parameters parameters = test::small_ring(6, 1);
    const Parties parties(parameters, 2);
    const auto parts = encrypt_zero(parties.public_key(), 1);
    const ReleaseRequest request{.charter = parties.charter,
                                 .ciphertext = ciphertext_digest(parameters, 1, parts[0], parts[1]),
                                 .holders = HolderSet::create(2, 2, {1, 2}),
                                 .level = 1,
                                 .gap = 2,
                                 .sigma = 1000};
    const auto holders = parties.holders(request);
    const ReleaseShare share = holders[0].release(request, parts[0], parts[1], request.ciphertext,
                                                  test::pair_secrets(1, 2));
    const auto bytes = to_bytes(parameters, share);
    const auto read = release_share_from_bytes(parameters, request, bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->point, 1U);
    EXPECT_EQ(read->residues, share.residues);
    ReleaseRequest other = request;
    other.sigma = 2000;
    EXPECT_FALSE(release_share_from_bytes(parameters, other, bytes).has_value());
    for (std::size_t cut = 0; cut < bytes.size(); cut += 3) {
        EXPECT_FALSE(
            release_share_from_bytes(parameters, request, std::span(bytes).first(cut)).has_value());
    }
}

}  // namespace
}  // namespace cipherfit
