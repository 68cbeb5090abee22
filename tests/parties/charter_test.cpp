#include "parties/members.h"

#include <functional>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Members;

TEST(Charter, ItsBytesAreCanonicalAndItsDigestCoversEveryField) {
    const Members members(4, 2);
    const auto bytes = to_bytes(members.charter);
    const auto read = charter_from_bytes(bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, members.charter);
    EXPECT_EQ(to_bytes(*read), bytes);
    const std::vector<std::function<void(Charter&)>> changes = {
        [](Charter& c) { c.title += "x"; },
        [](Charter& c) { c.nonce[31] ^= 1U; },
        [](Charter& c) { c.members[1].name = "Clinic X"; },
        [](Charter& c) { c.members[1].sealing.bytes[0] ^= 1U; },
        [](Charter& c) { c.members[1].recipient = true; },
        [](Charter& c) { c.threshold = 3; },
        [](Charter& c) { c.parameters[0] ^= 1U; },
        [](Charter& c) { std::swap(c.features[0], c.features[1]); },
        [](Charter& c) { c.classes.pop_back(); },
        [](Charter& c) { c.extractor += "x"; },
        [](Charter& c) { c.preprocessing += "x"; },
        [](Charter& c) { c.recipe += "x"; },
        [](Charter& c) { c.published_sums.emplace_back("sum of squares"); },
        [](Charter& c) { c.smallest_rows = 9; },
        [](Charter& c) { c.smallest_contributors = 3; },
        [](Charter& c) { c.kappa = 31; },
        [](Charter& c) { c.releases = 2; },
        [](Charter& c) { c.release_level = 0; },
    };
    for (const auto& change : changes) {
        Charter changed = members.charter;
        change(changed);
        EXPECT_NE(charter_digest(changed), charter_digest(members.charter));
    }
}

TEST(Charter, RulesThatAreBrokenAreNamedInOneLine) {
    struct Case {
        std::function<void(Charter&)> change;
        std::string word;
    };
    const std::vector<Case> cases = {
        {[](Charter& c) { c.members[2].name = "Clinic 0"; }, "two members are called Clinic 0"},
        {[](Charter& c) { c.members[2].name = "a\nb"; }, "printable"},
        {[](Charter& c) { c.members[2].identity = c.members[0].identity; }, "member 2"},
        {[](Charter& c) { c.members[0].holder = false; }, "dealer and not a holder"},
        {[](Charter& c) { c.members[2].dealer = true; }, "2 are to open and 3 are dealers"},
        {[](Charter& c) { c.threshold = 0; }, "0 are to open"},
        {[](Charter& c) { c.members[3].recipient = false; }, "receive"},
        {[](Charter& c) { c.smallest_contributors = 5; }, "asks for at least 5"},
        {[](Charter& c) { c.smallest_contributors = 1; }, "asks for at least 1"},
        {[](Charter& c) { c.kappa = 29.9; }, "29.9"},
        {[](Charter& c) { c.kappa = std::nan(""); }, "bits"},
        {[](Charter& c) { c.releases = 2; }, "one release"},
        {[](Charter& c) { c.parameters.pop_back(); }, "parameters"},
        {[](Charter& c) { c.release_level = 3; }, "level 3"},
        {[](Charter& c) { c.members.clear(); }, "0 members"},
    };
    for (const Case& broken : cases) {
        Charter charter = Members(4, 2).charter;
        ASSERT_TRUE(check_charter(charter).has_value());
        broken.change(charter);
        const auto checked = check_charter(charter);
        ASSERT_FALSE(checked.has_value()) << broken.word;
        EXPECT_NE(checked.error().message.find(broken.word), std::string::npos)
            << checked.error().message;
        EXPECT_EQ(checked.error().message.find('\n'), std::string::npos);
        EXPECT_FALSE(charter_from_bytes(to_bytes(charter)).has_value());
    }
}

TEST(Charter, HoldersHavePointsInTheOrderOfTheMembers) {
    Charter charter = Members(4, 2).charter;
    charter.members[1].holder = false;
    charter.members[1].dealer = false;
    EXPECT_EQ(charter.point_of(0), 1U);
    EXPECT_EQ(charter.point_of(1), std::nullopt);
    EXPECT_EQ(charter.point_of(2), 2U);
    EXPECT_EQ(charter.point_of(3), 3U);
    EXPECT_EQ(charter.describe(9), "member 9, who does not exist");
}

TEST(SignedCharter, HoldsTheSignaturesOfItsMembersAndNoOthers) {
    const Members members(3, 2);
    SignedCharter file(members.charter);
    EXPECT_TRUE(file.add(0, sign_charter(members.identities[0], members.charter)).has_value());
    const auto refused = file.add(1, sign_charter(members.identities[0], members.charter));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("member 1 (Clinic 1)"), std::string::npos);
    EXPECT_FALSE(file.add(7, Signature{}).has_value());
    EXPECT_EQ(file.unsigned_members(), (std::vector<std::uint32_t>{1, 2}));
    const auto read = signed_charter_from_bytes(to_bytes(file));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->signatures, file.signatures);
    // A signature of another charter, and every truncation and change of the bytes.
    const Members other(3, 2, 9);
    EXPECT_FALSE(file.add(1, sign_charter(other.identities[1], other.charter)).has_value());
    const auto bytes = to_bytes(file);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
        EXPECT_FALSE(signed_charter_from_bytes(std::span(bytes).first(cut)).has_value());
    }
    for (std::size_t at = 0; at < bytes.size(); at += 5) {
        auto changed = bytes;
        changed[at] ^= 0x20U;
        const auto result = signed_charter_from_bytes(changed);
        EXPECT_FALSE(result.has_value() && to_bytes(*result) == bytes) << at;
        if (result.has_value()) {
            EXPECT_EQ(to_bytes(*result), changed) << at;
        }
    }
}

}  // namespace
}  // namespace cipherfit
