// The key ceremony over plain directories: every member is stopped after every step, and messages
// are lost, repeated, changed and exchanged.
#include "cipherfit/parties/owner/key_ceremony.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/release_record.h"
#include "cipherfit/rlwe/owner/multiparty/encrypt_zero.h"
#include "parties/members.h"
#include "rlwe/multiparty/parties.h"
#include "support/errors.h"

#include <filesystem>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using test::Members;

class Ceremony : public testing::Test {
  protected:
    Ceremony() {
        fs::create_directories(board());
        request.relinearization(2);
        request.add(KeyId::of_rotation(3, 32), 1);
        request.conjugation(0);
        for (std::uint32_t i = 0; i < 4; ++i) {
            static_cast<void>(charter.add(i, sign_charter(members.identities[i], members.charter)));
        }
    }
    ~Ceremony() override { fs::remove_all(root); }
    Ceremony(const Ceremony&) = delete;
    Ceremony& operator=(const Ceremony&) = delete;

    fs::path board() const { return root / "board"; }
    fs::path home(std::uint32_t member) const { return root / std::to_string(member); }
    // A fresh process, as far as the library can tell: all state comes from the disk.
    Expected<StepReport> step(std::uint32_t member) const { return open(member).step(); }
    KeyCeremony open(std::uint32_t member) const {
        return value_or_throw(KeyCeremony::open(home(member), board(), charter, member,
                                                members.identities[member], request));
    }
    // All members, in turn, until nothing changes.
    void run(std::uint32_t rounds = ceremony_rounds) const {
        for (std::uint32_t turn = 0; turn < rounds; ++turn) {
            for (std::uint32_t member = 0; member < 4; ++member) {
                const auto report = step(member);
                ASSERT_TRUE(report.has_value()) << report.error().message;
            }
        }
    }
    fs::path file(std::uint32_t round, PartyMessageKind kind, std::uint32_t sender) const {
        return board() / Board::file_name(round, {.kind = kind, .sender = sender});
    }
    static std::vector<std::uint8_t> bytes_of(const fs::path& path) {
        return value_or_throw(read_file(path, std::size_t{1} << 24U));
    }

    fs::path root =
        fs::temp_directory_path() / ("cipherfit_ceremony_" + std::to_string(::getpid()));
    Members members{4, 2};
    SignedCharter charter{members.charter};
    KeyRequest request;
};

TEST_F(Ceremony, MakesTheJointKeysAndLetsDealersForget) {
    run();
    for (std::uint32_t member = 0; member < 4; ++member) {
        const auto report = step(member);
        ASSERT_TRUE(report.has_value());
        EXPECT_TRUE(report->done);
        EXPECT_TRUE(report->posted.empty());
        EXPECT_FALSE(fs::exists(home(member) / "dealer.seed"));
        EXPECT_EQ(fs::exists(home(member) / "forgotten"), member < 2);
        EXPECT_EQ(fs::status(home(member)).permissions() & fs::perms::all, fs::perms::owner_all);
        EXPECT_EQ(fs::status(home(member) / "point").permissions() & fs::perms::all,
                  fs::perms::owner_read | fs::perms::owner_write);
    }
    const auto keys = joint_keys(members.charter, request, Board(board()));
    ASSERT_TRUE(keys.has_value()) << keys.error().message;
    keys->evaluation_keys.check(request);

    // Any two holders open an encryption under the joint key.
    const Parameters parameters = keys->public_key.parameters;
    const auto parts = encrypt_zero(keys->public_key, 1);
    const Digest digest = ciphertext_digest(parameters, 1, parts[0], parts[1]);
    for (const HolderSet& set : test::subsets(4, 2)) {
        const ReleaseRequest asked{.charter = charter_digest(members.charter),
                                   .ciphertext = digest,
                                   .holders = set,
                                   .level = 1,
                                   .gap = 1,
                                   .sigma = 100};
        std::vector<ReleaseShare> shares;
        for (const unsigned point : set.points()) {
            const KeyCeremony ceremony = open(point - 1);
            const Holder holder(parameters,
                                {.charter = asked.charter,
                                 .holders = 4,
                                 .threshold = 2,
                                 .level = 1,
                                 .gap = 1,
                                 .sigma = 100},
                                value_or_throw(ceremony.release_point()),
                                value_or_throw(ceremony.noise_seed()));
            std::map<unsigned, Seed> pairs;
            for (const unsigned other : set.points()) {
                if (other != point) {
                    pairs[other] = members.identities[point - 1].pair_secret(
                        members.charter.members[other - 1].sealing, "zero sharing", asked.charter);
                }
            }
            shares.push_back(holder.release(asked, parts[0], parts[1], digest, pairs));
        }
        RnsPoly opened = combine_release(parameters, asked, parts[0], shares);
        parameters.ring().inverse(opened.limb(0), 0);
        for (std::size_t i = 0; i < parameters.n(); ++i) {
            // Two Gaussians of deviation up to 200, and the encryption's own error.
            EXPECT_LT(std::abs(centred(opened.limb(0)[i], parameters.ring().modulus(0))), 3000);
        }
    }
}

TEST_F(Ceremony, SaysWhomItWaitsFor) {
    static_cast<void>(step(0));
    static_cast<void>(step(1));
    static_cast<void>(step(3));
    const auto report = step(0);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->round, 0U);
    EXPECT_EQ(report->waiting_for,
              std::vector<std::string>{"the commitment to randomness of member 2 (Clinic 2)"});
    const auto keys = joint_keys(members.charter, request, Board(board()));
    ASSERT_FALSE(keys.has_value());
    EXPECT_NE(keys.error().message.find("member 2 (Clinic 2) is missing"), std::string::npos);
}

TEST_F(Ceremony, ALostMessageIsSentAgainByteForByte) {
    run();
    std::map<fs::path, std::vector<std::uint8_t>> before;
    for (const auto& entry : fs::directory_iterator(board())) {
        before[entry.path()] = bytes_of(entry.path());
    }
    // 4 + 4 + 2 + (2 + 8) + 2 + 4 messages.
    ASSERT_EQ(before.size(), 26U);
    for (const auto& [path, bytes] : before) {
        fs::remove(path);
    }
    run();
    for (const auto& [path, bytes] : before) {
        EXPECT_EQ(bytes_of(path), bytes) << path;
    }
}

TEST_F(Ceremony, AChangedOrForeignMessageIsNamedAndTheRightOneStillCounts) {
    run(2);
    ASSERT_TRUE(step(0).has_value());
    ASSERT_TRUE(step(1).has_value());
    const fs::path path = file(2, PartyMessageKind::key_commitment, 1);
    ASSERT_TRUE(fs::exists(path));
    const auto good = bytes_of(path);
    auto changed = good;
    changed.back() ^= 1U;
    ASSERT_TRUE(write_file(path, changed));
    auto report = step(0);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->round, 2U);
    ASSERT_EQ(report->problems.size(), 1U);
    EXPECT_NE(report->problems[0].find("member 1"), std::string::npos);
    EXPECT_EQ(report->waiting_for,
              std::vector<std::string>{"the commitment to key shares of member 1 (Clinic 1)"});

    // A message of another charter, and one of another member under this name.
    const Members others(4, 2, 9);
    ASSERT_TRUE(write_file(path, to_bytes(others.message(1, PartyMessageKind::key_commitment, 2, {},
                                                         std::vector<std::uint8_t>(32)))));
    report = step(0);
    ASSERT_TRUE(report.has_value());
    EXPECT_NE(report->problems[0].find("another charter"), std::string::npos);
    ASSERT_TRUE(write_file(path, bytes_of(file(2, PartyMessageKind::key_commitment, 0))));
    report = step(0);
    ASSERT_TRUE(report.has_value());
    EXPECT_NE(report->problems[0].find("it holds the commitment to key shares of member 0"),
              std::string::npos);

    // The sender repairs it by itself.
    ASSERT_TRUE(step(1).has_value());
    EXPECT_EQ(bytes_of(path), good);
    run();
    EXPECT_TRUE(step(0)->done);
}

TEST_F(Ceremony, SharesOtherThanCommittedStopEverybodyAndNameTheDealer) {
    run(2);
    ASSERT_TRUE(step(0).has_value());
    ASSERT_TRUE(step(1).has_value());
    // Member 1 shows other shares than it committed to: it has "lost" its dealer's seed and draws
    // another summand, with the old commitment still on the board.
    ASSERT_TRUE(
        fs::exists(home(1) / "sent" /
                   Board::file_name(2, {.kind = PartyMessageKind::key_commitment, .sender = 1})));
    for (const auto& entry : fs::directory_iterator(home(1) / "sent")) {
        if (entry.path().filename().string().starts_with("03")) {
            fs::remove(entry.path());
        }
    }
    for (const auto& entry : fs::directory_iterator(board())) {
        if (entry.path().filename().string().starts_with("03")) {
            fs::remove(entry.path());
        }
    }
    fs::remove(home(1) / "shown");
    ASSERT_TRUE(write_file(home(1) / "dealer.seed", std::vector<std::uint8_t>(32, 7)));
    bool named = false;
    for (int turn = 0; turn < 3; ++turn) {
        for (std::uint32_t member = 0; member < 4; ++member) {
            const auto report = step(member);
            if (!report) {
                EXPECT_NE(report.error().message.find("member 1 (Clinic 1)"), std::string::npos);
                EXPECT_NE(report.error().message.find("committed"), std::string::npos);
                named = true;
            } else {
                EXPECT_LE(report->round, 3U);
            }
        }
    }
    EXPECT_TRUE(named);
    EXPECT_FALSE(joint_keys(members.charter, request, Board(board())).has_value());
    EXPECT_FALSE(fs::exists(file(4, PartyMessageKind::round_two_shares, 0)));
}

TEST_F(Ceremony, ABoardThatExchangesARoundIsFound) {
    run(2);
    // The board's keeper makes member 2 sign another commitment (it colludes) and shows it to
    // member 0 alone, after member 0 has seen the round complete.
    ASSERT_TRUE(write_file(file(0, PartyMessageKind::randomness_commitment, 2),
                           to_bytes(members.message(2, PartyMessageKind::randomness_commitment, 0,
                                                    {}, std::vector<std::uint8_t>(32, 1)))));
    const auto report = step(0);
    ASSERT_FALSE(report.has_value());
    EXPECT_NE(report.error().message.find("round 0 shows other messages"), std::string::npos);
}

TEST_F(Ceremony, NothingHappensWithoutAllSignaturesOrWithAnothersKeys) {
    SignedCharter incomplete(members.charter);
    const auto unsigned_charter =
        KeyCeremony::open(home(0), board(), incomplete, 0, members.identities[0], request);
    ASSERT_FALSE(unsigned_charter.has_value());
    EXPECT_NE(unsigned_charter.error().message.find("not signed by member 0"), std::string::npos);
    const auto other =
        KeyCeremony::open(home(0), board(), charter, 0, members.identities[1], request);
    ASSERT_FALSE(other.has_value());
    EXPECT_NE(other.error().message.find("not those of member 0"), std::string::npos);
    EXPECT_FALSE(fs::exists(home(0)));
}

TEST_F(Ceremony, AHolderAnswersOneReleaseAndNoOther) {
    const fs::path record = root / "release";
    const Digest one = sha256(std::vector<std::uint8_t>{1});
    const Digest two = sha256(std::vector<std::uint8_t>{2});
    EXPECT_TRUE(record_release(record, one).has_value());
    EXPECT_TRUE(record_release(record, one).has_value());
    const auto refused = record_release(record, two);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find(to_hex(two).substr(0, 16)), std::string::npos);
    EXPECT_TRUE(record_release(record, one).has_value());
}

}  // namespace
}  // namespace cipherfit
