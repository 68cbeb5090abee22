#include "cipherfit/parties/owner/identity.h"

#include "parties/members.h"
#include "support/errors.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::identity_of;

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

template <std::size_t size>
std::array<std::uint8_t, size> from_hex(std::string_view hex) {
    std::array<std::uint8_t, size> result{};
    for (std::size_t i = 0; i < size; ++i) {
        result[i] =
            static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(2 * i, 2)), nullptr, 16));
    }
    return result;
}

// RFC 8032 (section 7.1, test 1), and RFC 7748 (section 5.2: the scalar 9 times the base point).
TEST(MemberIdentity, PublicKeysAreThoseOfTheStandards) {
    const auto ed =
        from_hex<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    std::array<std::uint8_t, 64> secret{};
    std::ranges::copy(ed, secret.begin());
    secret[32] = 9;
    const MemberIdentity identity = MemberIdentity::from_secret(secret);
    EXPECT_EQ(to_hex(identity.identity_key().bytes),
              "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    EXPECT_EQ(to_hex(identity.sealing_key().bytes),
              "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
}

TEST(MemberIdentity, SignsForOnePurposeAndOneContent) {
    const MemberIdentity a = identity_of(1);
    const auto content = bytes_of("content");
    const Signature signature = a.sign("message", content);
    EXPECT_EQ(signature, a.sign("message", content));
    EXPECT_TRUE(verify_signature(a.identity_key(), "message", content, signature));
    EXPECT_FALSE(verify_signature(a.identity_key(), "charter", content, signature));
    EXPECT_FALSE(verify_signature(a.identity_key(), "message", bytes_of("contenT"), signature));
    EXPECT_FALSE(verify_signature(identity_of(2).identity_key(), "message", content, signature));
    EXPECT_FALSE(verify_signature(IdentityKey{}, "message", content, signature));
    for (std::size_t byte : {0U, 31U, 32U, 63U}) {
        Signature changed = signature;
        changed[byte] ^= 1U;
        EXPECT_FALSE(verify_signature(a.identity_key(), "message", content, changed));
    }
}

TEST(MemberIdentity, OpensWhatWasSealedForItUnderTheSameContext) {
    const MemberIdentity a = identity_of(1);
    const Digest context = sha256(bytes_of("charter, round 4, from 0 to 1"));
    for (const std::size_t size : {0U, 1U, 33U, 70000U}) {
        const std::vector<std::uint8_t> secret(size, 0x5a);
        const auto sealed = seal(a.sealing_key(), context, secret);
        ASSERT_EQ(sealed.size(), size + sealing_overhead);
        const auto opened = a.open(context, sealed);
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(*opened, secret);
        EXPECT_FALSE(a.open(sha256(bytes_of("round 5")), sealed).has_value());
        EXPECT_FALSE(identity_of(2).open(context, sealed).has_value());
        for (const std::size_t at : {std::size_t{0}, std::size_t{32}, sealed.size() - 1}) {
            auto changed = sealed;
            changed[at] ^= 1U;
            EXPECT_FALSE(a.open(context, changed).has_value()) << at;
        }
        EXPECT_FALSE(a.open(context, std::span(sealed).first(sealed.size() - 1)).has_value());
        EXPECT_FALSE(a.open(context, {}).has_value());
    }
    // A sealed message hides its content: no two are alike, and the secret's bytes are not in it.
    const auto secret = bytes_of("a secret of some length");
    const auto one = seal(a.sealing_key(), context, secret);
    EXPECT_NE(one, seal(a.sealing_key(), context, secret));
    EXPECT_TRUE(std::ranges::search(one, secret).empty());
}

TEST(MemberIdentity, TwoMembersShareASecretThatDependsOnEverything) {
    const MemberIdentity a = identity_of(1);
    const MemberIdentity b = identity_of(2);
    const Digest context = sha256(bytes_of("charter"));
    const Seed secret = a.pair_secret(b.sealing_key(), "zero sharing", context);
    EXPECT_EQ(secret, b.pair_secret(a.sealing_key(), "zero sharing", context));
    EXPECT_NE(secret, a.pair_secret(b.sealing_key(), "pooled sums", context));
    EXPECT_NE(secret, a.pair_secret(b.sealing_key(), "zero sharing", sha256({})));
    EXPECT_NE(secret, a.pair_secret(identity_of(3).sealing_key(), "zero sharing", context));
    // Points of small order would make a secret that everybody knows.
    SealingKey one;
    one.bytes[0] = 1;
    for (const SealingKey& weak : {SealingKey{}, one}) {
        EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"full order"}, [&] {
            static_cast<void>(a.pair_secret(weak, "zero sharing", context));
        }));
        EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"full order"},
                                 [&] { static_cast<void>(seal(weak, context, context)); }));
    }
}

TEST(MemberIdentity, FingerprintsAreShortEnoughToReadAloud) {
    const MemberIdentity a = identity_of(1);
    const std::string text = fingerprint(a.identity_key(), a.sealing_key());
    EXPECT_EQ(text.size(), 59U);
    EXPECT_EQ(std::ranges::count(text, ' '), 11);
    EXPECT_NE(text, fingerprint(a.identity_key(), identity_of(2).sealing_key()));
}

}  // namespace
}  // namespace cipherfit
