// Attacks on joint keys by whoever shows its share last: each recovers what it should, and the
// commitments find it.
#include "cipherfit/rlwe/multiparty/common_randomness.h"
#include "rlwe/multiparty/opened.h"
#include "support/errors.h"

namespace cipherfit {
namespace {

using test::Integers;
using test::Parties;
using test::small_coefficients;
using test::to_integers;

class RogueShare : public testing::Test {
  protected:
    Parameters parameters = test::small_ring(5, 0);
    const Ring& ring = parameters.ring();
};

// What the last of three dealers can show when it has seen the others' shares.
TEST_F(RogueShare, OwnsTheJointKey) {
    const Parties honest(parameters, 3);
    const Dealer rogue = Dealer::generate(parameters, honest.charter);
    auto shares =
        honest.shares([&](const Dealer& dealer) { return dealer.public_key_share(honest.common); });
    std::vector<Seed> openings;
    std::vector<Digest> commitments;
    const auto context = [&](std::uint32_t sender) {
        return CommitmentContext{
            .charter = honest.charter, .purpose = "public key share", .sender = sender};
    };
    for (std::uint32_t i = 0; i < 3; ++i) {
        openings.push_back(random_seed());
        commitments.push_back(commit(context(i), openings[i], digest(parameters, shares[i])));
    }
    // Its own key less the sum of the others' shares.
    KeyShare last = rogue.public_key_share(honest.common);
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t limb = 0; limb < last.polys[0].limbs(); ++limb) {
            kernels().subtract(last.polys[0].limb(limb), last.polys[0].limb(limb),
                               shares[i].polys[0].limb(limb), ring.n(),
                               ring.modulus(ring.prime_of_limb(limb, 0)));
        }
    }
    shares[2] = std::move(last);
    const JointPublicKey key =
        joint_public_key(parameters, honest.common, sum_shares(parameters, shares));
    const auto zero = encrypt_zero(key, 0);
    const Integers alone(rogue.summand().coefficients().begin(),
                         rogue.summand().coefficients().end());
    const Integers opened = test::phase(ring, 0, zero[0].limb(0), zero[1].limb(0), alone);
    EXPECT_EQ(small_coefficients(opened, 64), 32U);  // decrypts with the rogue's secret alone

    const auto shown =
        check_commitment(context(2), commitments[2], openings[2], digest(parameters, shares[2]));
    ASSERT_FALSE(shown.has_value());
    EXPECT_NE(shown.error().message.find("member 2"), std::string::npos);
    EXPECT_TRUE(
        check_commitment(context(1), commitments[1], openings[1], digest(parameters, shares[1])));
}

// The sum of round 1 that shows s_i in round 2: h0 = 2^30, h1 = 0.
TEST_F(RogueShare, OfRoundOneShowsASummand) {
    const Parties honest(parameters, 2);
    auto one = honest.shares(
        [&](const Dealer& dealer) { return dealer.relinearization_one(honest.common, 0); });
    const CommitmentContext context{
        .charter = honest.charter, .purpose = "relinearisation share", .sender = 1};
    const Seed opening = random_seed();
    const Digest commitment = commit(context, opening, digest(parameters, one[1]));
    for (std::size_t poly = 0; poly < one[1].polys.size(); ++poly) {
        RnsPoly& target = one[1].polys[poly];
        for (std::size_t limb = 0; limb < target.limbs(); ++limb) {
            const Modulus& q = ring.modulus(ring.prime_of_limb(limb, 0));
            std::fill_n(target.limb(limb), ring.n(),
                        poly == 0 ? std::uint64_t{1} << 30U : std::uint64_t{0});
            kernels().subtract(target.limb(limb), target.limb(limb), one[0].polys[poly].limb(limb),
                               ring.n(), q);
        }
    }
    const KeyShare two = honest.dealers[0].relinearization_two(honest.common, one);
    Integers shown = to_integers(ring, two.polys[0].copy(1), 0);
    for (std::int64_t& x : shown) {
        x = std::llround(static_cast<double>(x) / std::exp2(30));
    }
    const auto summand = honest.dealers[0].summand().coefficients();
    EXPECT_TRUE(std::ranges::equal(shown, summand));

    const auto checked = check_commitment(context, commitment, opening, digest(parameters, one[1]));
    ASSERT_FALSE(checked.has_value());
    EXPECT_NE(checked.error().message.find("relinearisation share"), std::string::npos);
}

}  // namespace
}  // namespace cipherfit
