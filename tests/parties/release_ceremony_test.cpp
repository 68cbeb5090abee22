// A release as messages: from made keys to the opened message, and every way to be refused.
#include "cipherfit/parties/owner/release_ceremony.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/key_ceremony.h"
#include "cipherfit/rlwe/owner/multiparty/encrypt_zero.h"
#include "parties/members.h"
#include "rlwe/ring.h"

#include <filesystem>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using test::Members;

class ReleaseMessages : public testing::Test {
  protected:
    ReleaseMessages() {
        fs::create_directories(root / "board");
        for (std::uint32_t i = 0; i < 3; ++i) {
            static_cast<void>(charter.add(i, sign_charter(members.identities[i], members.charter)));
        }
        for (int turn = 0; turn < 6; ++turn) {
            for (std::uint32_t i = 0; i < 3; ++i) {
                KeyCeremony ceremony = keys(i);
                EXPECT_TRUE(ceremony.step().has_value());
                plan.previous_root = ceremony.last_root();
            }
        }
        plan.recipient = 2;
        plan.sigma = 1000;
        const auto joint =
            value_or_throw(joint_keys(members.charter, KeyRequest(), Board(root / "board")));
        parts = encrypt_zero(joint.public_key, 1);
        digest = ciphertext_digest(parameters, 1, parts[0], parts[1]);
    }
    ~ReleaseMessages() override { fs::remove_all(root); }
    ReleaseMessages(const ReleaseMessages&) = delete;
    ReleaseMessages& operator=(const ReleaseMessages&) = delete;

    KeyCeremony keys(std::uint32_t member) const {
        return value_or_throw(KeyCeremony::open(root / std::to_string(member), root / "board",
                                                charter, member, members.identities[member],
                                                KeyRequest()));
    }
    ReleaseCeremony open(std::uint32_t member) const {
        return value_or_throw(ReleaseCeremony::open(root / std::to_string(member), root / "board",
                                                    charter, member, members.identities[member],
                                                    plan));
    }
    Expected<StepReport> answer(std::uint32_t member, const Digest& own) const {
        const KeyCeremony ceremony = keys(member);
        return open(member).answer(own, parts[0], parts[1],
                                   value_or_throw(ceremony.release_point()),
                                   value_or_throw(ceremony.noise_seed()));
    }
    static HolderSet set(std::vector<unsigned> points) {
        return HolderSet::create(3, 2, std::move(points));
    }
    fs::path file(std::uint32_t round, PartyMessageKind kind, std::uint32_t sender,
                  std::uint32_t recipient = to_everyone) const {
        return root / "board" /
               Board::file_name(round, {.kind = kind, .sender = sender, .recipient = recipient});
    }

    fs::path root = fs::temp_directory_path() / ("cipherfit_release_" + std::to_string(::getpid()));
    Members members{3, 2};
    SignedCharter charter{members.charter};
    Parameters parameters = value_or_throw(Parameters::from_bytes(members.charter.parameters));
    ReleasePlan plan;
    std::vector<RnsPoly> parts;
    Digest digest{};
};

TEST_F(ReleaseMessages, TheRecipientOpensWhatAllOfTAttested) {
    StepReport report;
    ASSERT_TRUE(open(2).request(digest, set({1, 3})).has_value());
    // Holder 1 attests and waits for holder 3; neither answers before both have attested.
    auto first = answer(0, digest);
    ASSERT_TRUE(first.has_value()) << first.error().message;
    EXPECT_FALSE(first->done);
    EXPECT_EQ(first->waiting_for,
              std::vector<std::string>{"the attestation of member 2 (Clinic 2)"});
    EXPECT_FALSE(fs::exists(file(8, PartyMessageKind::release_share, 0, 2)));
    const auto nothing = open(2).open_model(parts[0], report);
    ASSERT_TRUE(nothing.has_value());
    EXPECT_FALSE(nothing->has_value());
    EXPECT_TRUE(answer(2, digest)->done);
    EXPECT_TRUE(answer(0, digest)->done);
    const auto sent =
        value_or_throw(read_file(file(8, PartyMessageKind::release_share, 0, 2), 1U << 20U));
    EXPECT_TRUE(answer(0, digest)->posted.empty());
    // A holder outside T has nothing to do.
    EXPECT_TRUE(answer(1, digest)->done);
    EXPECT_FALSE(fs::exists(file(7, PartyMessageKind::attestation, 1)));

    auto opened = open(2).open_model(parts[0], report);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    ASSERT_TRUE(opened->has_value());
    parameters.ring().inverse((*opened)->limb(0), 0);
    bool noisy = false;
    for (std::size_t i = 0; i < parameters.n(); ++i) {
        const auto value = std::abs(centred((*opened)->limb(0)[i], parameters.ring().modulus(0)));
        EXPECT_LT(value, 30000);  // two Gaussians of deviation up to 2,000
        noisy = noisy || value > 100;
    }
    EXPECT_TRUE(noisy);
    // A lost share is sent again byte for byte; a damaged one is named.
    fs::remove(file(8, PartyMessageKind::release_share, 0, 2));
    EXPECT_TRUE(answer(0, digest)->done);
    EXPECT_EQ(value_or_throw(read_file(file(8, PartyMessageKind::release_share, 0, 2), 1U << 20U)),
              sent);
}

TEST_F(ReleaseMessages, ACiphertextThatWasNotRecomputedGetsNoShare) {
    const Digest other = sha256(std::vector<std::uint8_t>{1});
    ASSERT_TRUE(open(2).request(other, set({1, 2})).has_value());
    const auto refused = answer(0, digest);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("trained something else"), std::string::npos);
    EXPECT_FALSE(fs::exists(file(7, PartyMessageKind::attestation, 0)));
    EXPECT_FALSE(fs::exists(file(8, PartyMessageKind::release_share, 0, 2)));
}

TEST_F(ReleaseMessages, AnotherRequestIsAnotherReleaseAndRefused) {
    ASSERT_TRUE(open(2).request(digest, set({1, 2})).has_value());
    const auto again = open(2).request(digest, set({1, 3}));
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().message.find("new charter"), std::string::npos);
    EXPECT_TRUE(open(2).request(digest, set({1, 2})).has_value());
    ASSERT_TRUE(answer(0, digest).has_value());

    // A recipient that signs a second request all the same: the holder has pinned the first.
    const MessageSlot slot{.kind = PartyMessageKind::release_request, .sender = 2};
    std::vector<std::uint8_t> payload(digest.begin(), digest.end());
    payload.insert(payload.end(), {0b101, 0, 0, 0});
    const Message second =
        members.message(2, PartyMessageKind::release_request, 6, plan.previous_root, payload);
    ASSERT_TRUE(write_file(root / "board" / Board::file_name(6, slot), to_bytes(second)));
    const auto refused = answer(0, digest);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("other messages than it did before"), std::string::npos);
    EXPECT_FALSE(fs::exists(file(8, PartyMessageKind::release_share, 0, 2)));
}

TEST_F(ReleaseMessages, OnlyTheRecipientAsksAndOnlyForASetOfT) {
    const auto refused = open(0).request(digest, set({1, 2}));
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("not the recipient"), std::string::npos);
    ReleasePlan wrong = plan;
    wrong.recipient = 0;
    EXPECT_FALSE(
        ReleaseCeremony::open(root / "0", root / "board", charter, 0, members.identities[0], wrong)
            .has_value());
    // A signed request for a set of one.
    std::vector<std::uint8_t> payload(digest.begin(), digest.end());
    payload.insert(payload.end(), {1, 0, 0, 0});
    const Message alone =
        members.message(2, PartyMessageKind::release_request, 6, plan.previous_root, payload);
    ASSERT_TRUE(write_file(file(6, PartyMessageKind::release_request, 2), to_bytes(alone)));
    const auto none = answer(0, digest);
    ASSERT_FALSE(none.has_value());
    EXPECT_NE(none.error().message.find("exactly 2"), std::string::npos);
}

}  // namespace
}  // namespace cipherfit
