#include "cipherfit/parties/message.h"

#include "cipherfit/parties/attestation.h"
#include "parties/members.h"
#include "support/errors.h"

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Members;

std::vector<std::uint8_t> payload_of(std::uint8_t value) {
    return std::vector<std::uint8_t>(32, value);
}

std::vector<MessageSlot> everyone(unsigned count, PartyMessageKind kind) {
    std::vector<MessageSlot> slots;
    for (std::uint32_t i = 0; i < count; ++i) {
        slots.push_back({.kind = kind, .sender = i});
    }
    return slots;
}

constexpr PartyMessageKind commitment = PartyMessageKind::randomness_commitment;
constexpr PartyMessageKind reveal = PartyMessageKind::randomness_reveal;

TEST(Messages, ComeBackFromTheirBytesAndFromNoOthers) {
    const Members members(3, 2);
    const Message message =
        members.message(1, PartyMessageKind::release_points, 4,
                        test::identity_of(3).identity_key().bytes, payload_of(9), 2);
    const auto bytes = to_bytes(message);
    const auto read = message_from_bytes(bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->receipt, message.receipt);
    EXPECT_EQ(read->payload, message.payload);
    EXPECT_EQ(to_bytes(*read), bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        EXPECT_FALSE(message_from_bytes(std::span(bytes).first(cut)).has_value());
    }
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(message_from_bytes(longer).has_value());
    // A changed payload is found when it is read, a changed header by the signature.
    Round round(members.charter, 4, message.receipt.header.previous_root,
                {message.receipt.header.slot});
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto changed = bytes;
        changed[at] ^= 1U;
        const auto result = message_from_bytes(changed);
        if (result) {
            EXPECT_FALSE(round.accept(result->receipt).has_value()) << at;
        }
    }
    EXPECT_TRUE(round.accept(message.receipt).has_value());
}

TEST(Messages, PayloadsAreBoundedByTheirKind) {
    const Members members(3, 2);
    EXPECT_TRUE(
        test::throws(ErrorCode::invalid_argument, {"4097", "commitment to randomness"}, [&] {
            static_cast<void>(
                members.message(0, commitment, 1, {}, std::vector<std::uint8_t>(4097)));
        }));
}

TEST(Rounds, TakeWhatIsExpectedAndNameWhatIsNot) {
    const Members members(3, 2);
    const Members others(3, 2, 5);
    const Digest root = sha256(payload_of(1));
    Round round(members.charter, 2, root, everyone(3, commitment));
    const auto refused = [&](const Message& message, std::initializer_list<std::string> words) {
        const auto result = round.accept(message.receipt);
        ASSERT_FALSE(result.has_value());
        for (const std::string& word : words) {
            EXPECT_NE(result.error().message.find(word), std::string::npos)
                << result.error().message;
        }
    };
    const Message good = members.message(1, commitment, 2, root, payload_of(1));
    refused(others.message(1, commitment, 2, root, payload_of(1)),
            {"member 1 (Clinic 1)", "another charter"});
    refused(members.message(1, commitment, 1, root, payload_of(1)), {"round 1", "closed"});
    refused(members.message(1, commitment, 3, root, payload_of(1)), {"round 3", "not yet open"});
    refused(members.message(1, reveal, 2, root, payload_of(1)),
            {"revealed randomness", "nobody expects"});
    refused(members.message(1, commitment, 2, {}, payload_of(1)),
            {"member 1", "other messages in the round before"});
    Message forged = members.message(0, commitment, 2, root, payload_of(1));
    forged.receipt.header.slot.sender = 1;
    refused(forged, {"member 1", "signature"});
    Message stranger = good;
    stranger.receipt.header.slot.sender = 12;
    refused(stranger, {"member 12, who does not exist"});
    EXPECT_EQ(round.missing().size(), 3U);

    // The right one still comes; again it is a repetition; another of the same sender is evidence.
    EXPECT_EQ(*round.accept(good.receipt), Round::Acceptance::taken);
    EXPECT_EQ(*round.accept(good.receipt), Round::Acceptance::repeated);
    refused(members.message(1, commitment, 2, root, payload_of(2)), {"two different"});
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"2 are missing"},
                             [&] { static_cast<void>(round.root()); }));
    ASSERT_EQ(round.missing().size(), 2U);
    EXPECT_EQ(describe(members.charter, round.missing()[1]),
              "the commitment to randomness of member 2 (Clinic 2)");
}

TEST(Rounds, AServerThatShowsDifferentMessagesIsFoundInTheNextRound) {
    const Members members(3, 2);
    // Member 2 signs two commitments; the server shows one to member 0 and the other to member 1.
    std::array<Round, 2> views{Round(members.charter, 0, {}, everyone(3, commitment)),
                               Round(members.charter, 0, {}, everyone(3, commitment))};
    for (std::size_t view = 0; view < 2; ++view) {
        for (std::uint32_t sender = 0; sender < 3; ++sender) {
            const auto value = static_cast<std::uint8_t>(sender == 2 ? 100 + view : sender);
            ASSERT_TRUE(views[view].accept(
                members.message(sender, commitment, 0, {}, payload_of(value)).receipt));
        }
        ASSERT_TRUE(views[view].complete());
    }
    EXPECT_NE(views[0].root(), views[1].root());
    Round next(members.charter, 1, views[0].root(), everyone(3, reveal));
    EXPECT_TRUE(next.accept(members.message(0, reveal, 1, views[0].root(), payload_of(0)).receipt));
    const auto found =
        next.accept(members.message(1, reveal, 1, views[1].root(), payload_of(1)).receipt);
    ASSERT_FALSE(found.has_value());
    EXPECT_NE(found.error().message.find("member 1"), std::string::npos);
    EXPECT_NE(found.error().message.find("false ones"), std::string::npos);
}

TEST(Rounds, TheRootDoesNotDependOnTheOrderOfArrival) {
    const Members members(3, 2);
    std::vector<Digest> roots;
    for (const auto& order : {std::vector<std::uint32_t>{0, 1, 2}, {2, 0, 1}}) {
        Round round(members.charter, 0, {}, everyone(3, commitment));
        for (const std::uint32_t sender : order) {
            ASSERT_TRUE(
                round.accept(members.message(sender, commitment, 0, {}, payload_of(1)).receipt));
        }
        roots.push_back(round.root());
    }
    EXPECT_EQ(roots[0], roots[1]);
}

TEST(Attestations, AHolderFollowsItsOwnVerificationOrTOthers) {
    const Members members(4, 3);
    const Digest trained = sha256(payload_of(1));
    const Digest exchanged = sha256(payload_of(2));
    std::vector<MessageReceipt> attestations;
    for (const std::uint32_t sender : {0U, 1U, 1U}) {
        attestations.push_back(members
                                   .message(sender, PartyMessageKind::attestation, 10, {},
                                            attestation_payload(trained))
                                   .receipt);
    }
    const auto refused = authorize_release(members.charter, trained, {}, attestations);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("from 2 holders, and 3 are needed"), std::string::npos);
    // Signed for another charter, for another ciphertext, with a broken signature: not counted.
    const Members others(4, 3, 9);
    attestations.push_back(
        others.message(2, PartyMessageKind::attestation, 10, {}, attestation_payload(trained))
            .receipt);
    attestations.push_back(
        members.message(2, PartyMessageKind::attestation, 10, {}, attestation_payload(exchanged))
            .receipt);
    attestations.push_back(
        members.message(3, PartyMessageKind::attestation, 10, {}, attestation_payload(trained))
            .receipt);
    attestations.back().signature[3] ^= 1U;
    EXPECT_FALSE(authorize_release(members.charter, trained, {}, attestations).has_value());
    attestations.back().signature[3] ^= 1U;
    EXPECT_EQ(*authorize_release(members.charter, trained, {}, attestations), trained);
    // A holder that has recomputed something else never follows the others.
    EXPECT_FALSE(authorize_release(members.charter, trained, exchanged, attestations).has_value());
    EXPECT_EQ(*authorize_release(members.charter, trained, trained, {}), trained);
}

}  // namespace
}  // namespace cipherfit
