// Contributors' rounds: sums, commitments, uploads; and what is done about members and carriers who
// do not keep to them.
#include "cipherfit/io/file.h"
#include "cipherfit/parties/owner/contributor.h"
#include "parties/members.h"
#include "support/errors.h"

#include <filesystem>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using test::Members;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t first_round = 6;

class Contributing : public testing::Test {
  protected:
    Contributing() {
        fs::create_directories(root / "board");
        // Member 3 holds a share and contributes nothing.
        members.charter.members[3].contributor = false;
        members.charter.published_sums = {"rows", "columns", "squares", "bound"};
        charter = SignedCharter(members.charter);
        for (std::uint32_t i = 0; i < 4; ++i) {
            static_cast<void>(charter.add(i, sign_charter(members.identities[i], members.charter)));
        }
    }
    ~Contributing() override { fs::remove_all(root); }
    Contributing(const Contributing&) = delete;
    Contributing& operator=(const Contributing&) = delete;

    // Member i has 10 (i + 1) rows, and uploads the bound of all and its own number.
    ContributorWork work(std::uint64_t i) const {
        return {.numbers = [i](const PooledRound& round,
                               const PooledSums& before) -> Expected<std::vector<std::uint64_t>> {
                    std::vector<std::uint64_t> numbers;
                    for (const PooledRound::Sum& sum : round.sums) {
                        for (std::size_t j = 0; j < sum.numbers; ++j) {
                            numbers.push_back(sum.name == sum_rows ? 10 * (i + 1) : i + j);
                        }
                    }
                    EXPECT_EQ(before.empty(), round.sums[0].name == sum_rows);
                    return numbers;
                },
                .upload = [this, i](const PooledSums& sums) -> Expected<Bytes> {
                    ++made[i];
                    return Bytes{static_cast<std::uint8_t>(sums.at("bound")[0]),
                                 static_cast<std::uint8_t>(i)};
                }};
    }
    MemberDirectory directory(std::uint32_t member) const {
        return value_or_throw(MemberDirectory::open(root / std::to_string(member), root / "board",
                                                    charter, member, members.identities[member]));
    }
    struct Step {
        Expected<Contributions> result;
        StepReport report;
    };
    Step step(std::uint32_t member, bool with_rows = true) const {
        Step step{.result = Contributions(), .report = {}};
        const ContributorWork own = work(member);
        step.result = step_contributions(directory(member), first_round, {},
                                         with_rows ? &own : nullptr, step.report);
        return step;
    }
    void run(int turns) const {
        for (int turn = 0; turn < turns; ++turn) {
            for (std::uint32_t member = 0; member < 4; ++member) {
                const Step done = step(member);
                ASSERT_TRUE(done.result.has_value()) << done.result.error().message;
            }
        }
    }
    fs::path file(std::uint32_t round, PartyMessageKind kind, std::uint32_t sender) const {
        return root / "board" / Board::file_name(round, {.kind = kind, .sender = sender});
    }
    static Bytes bytes_of(const fs::path& path) {
        return value_or_throw(read_file(path, 1U << 20U));
    }

    fs::path root = fs::temp_directory_path() / ("cipherfit_contrib_" + std::to_string(::getpid()));
    Members members{4, 2};
    SignedCharter charter{members.charter};
    mutable std::map<std::uint64_t, int> made;
};

TEST_F(Contributing, SumsAreExactAndUploadsAreWhatWasCommitted) {
    run(6);
    for (std::uint32_t member = 0; member < 4; ++member) {
        const Step done = step(member);
        ASSERT_TRUE(done.result.has_value());
        ASSERT_TRUE(done.result->complete());
        EXPECT_TRUE(done.report.done);
        EXPECT_TRUE(done.report.posted.empty());
        EXPECT_EQ(done.result->next_round, first_round + 5);
        EXPECT_EQ(done.result->sums.at("rows"), std::vector<std::uint64_t>{60});
        EXPECT_EQ(done.result->sums.at("columns"), (std::vector<std::uint64_t>{3, 6}));
        EXPECT_EQ(done.result->sums.at("squares"), (std::vector<std::uint64_t>{3, 6}));
        EXPECT_EQ(done.result->sums.at("bound"), std::vector<std::uint64_t>{3});
        for (std::uint8_t i = 0; i < 3; ++i) {
            const auto bytes = uploaded_bytes(*done.result->uploads, i);
            ASSERT_TRUE(bytes.has_value());
            EXPECT_EQ(*bytes, (Bytes{3, i}));
        }
    }
    // Each upload was made once, though it was committed to and shown: a second one would have
    // fresh noise.
    EXPECT_EQ(made, (std::map<std::uint64_t, int>{{0, 1}, {1, 1}, {2, 1}}));
}

TEST_F(Contributing, ALostMessageIsSentAgainByteForByte) {
    run(6);
    std::map<fs::path, Bytes> before;
    for (const auto& entry : fs::directory_iterator(root / "board")) {
        before[entry.path()] = bytes_of(entry.path());
    }
    ASSERT_EQ(before.size(), 15U);  // five rounds of three contributors
    for (const auto& [path, bytes] : before) {
        fs::remove(path);
    }
    run(6);
    for (const auto& [path, bytes] : before) {
        EXPECT_EQ(bytes_of(path), bytes) << path;
    }
    EXPECT_EQ(made[0], 1);
}

TEST_F(Contributing, WithoutItsRowsAMemberSendsNothingAndIsWaitedFor) {
    static_cast<void>(step(0));
    static_cast<void>(step(1));
    const Step own = step(2, false);
    ASSERT_TRUE(own.result.has_value());
    EXPECT_FALSE(own.result->complete());
    EXPECT_EQ(own.report.waiting_for,
              std::vector<std::string>{"the masked sums of member 2 (Clinic 2)"});
    EXPECT_FALSE(fs::exists(file(first_round, PartyMessageKind::masked_sums, 2)));
}

TEST_F(Contributing, NoUploadIsShownBeforeAllAreCommittedTo) {
    run(2);
    static_cast<void>(step(0));
    static_cast<void>(step(1));
    EXPECT_TRUE(fs::exists(file(9, PartyMessageKind::upload_commitment, 0)));
    EXPECT_FALSE(fs::exists(file(9, PartyMessageKind::upload_commitment, 2)));
    static_cast<void>(step(0));
    EXPECT_FALSE(fs::exists(file(10, PartyMessageKind::upload, 0)));
}

TEST_F(Contributing, TooFewRowsEndItBeforeAnySumIsSent) {
    members.charter.smallest_rows = 61;
    charter = SignedCharter(members.charter);
    for (std::uint32_t i = 0; i < 4; ++i) {
        static_cast<void>(charter.add(i, sign_charter(members.identities[i], members.charter)));
    }
    for (std::uint32_t member = 0; member < 2; ++member) {
        static_cast<void>(step(member));
    }
    const Step last = step(2);
    ASSERT_FALSE(last.result.has_value());
    EXPECT_NE(last.result.error().message.find("60 rows in all"), std::string::npos);
    EXPECT_FALSE(step(0).result.has_value());
    EXPECT_FALSE(fs::exists(file(7, PartyMessageKind::masked_sums, 0)));
}

TEST_F(Contributing, AnUploadOtherThanCommittedIsNamed) {
    run(3);
    // All have committed; member 1 has "lost" what it committed to and makes another.
    ASSERT_TRUE(fs::exists(file(9, PartyMessageKind::upload_commitment, 1)));
    ASSERT_FALSE(fs::exists(file(10, PartyMessageKind::upload, 1)));
    fs::remove(root / "1" / "upload");
    bool named = false;
    for (int turn = 0; turn < 2; ++turn) {
        for (std::uint32_t member = 0; member < 4; ++member) {
            const Step done = step(member);
            if (!done.result) {
                EXPECT_NE(done.result.error().message.find("member 1 (Clinic 1) showed another"),
                          std::string::npos);
                named = true;
            } else {
                EXPECT_FALSE(done.result->complete());
            }
        }
    }
    EXPECT_TRUE(named);
}

TEST_F(Contributing, AChangedSumIsRefusedAndAnExchangedOneFound) {
    static_cast<void>(step(0));
    static_cast<void>(step(1));
    const fs::path path = file(first_round, PartyMessageKind::masked_sums, 0);
    auto changed = bytes_of(path);
    changed.back() ^= 1U;
    ASSERT_TRUE(write_file(path, changed));
    Step other = step(1);
    ASSERT_TRUE(other.result.has_value());
    ASSERT_EQ(other.report.problems.size(), 1U);
    EXPECT_NE(other.report.problems[0].find("another payload than it was signed with"),
              std::string::npos);
    run(6);  // its sender puts the right one there
    EXPECT_TRUE(step(1).report.done);
    // A carrier that shows one member another message of a colluder, signed for the same place.
    ASSERT_TRUE(write_file(file(first_round, PartyMessageKind::masked_sums, 2),
                           to_bytes(members.message(2, PartyMessageKind::masked_sums, first_round,
                                                    {}, Bytes(16, 1)))));
    const Step shown = step(0);
    ASSERT_FALSE(shown.result.has_value());
    EXPECT_NE(shown.result.error().message.find("round 6 shows other messages"), std::string::npos);
}

TEST_F(Contributing, NumbersThatDoNotFitTheCharterAreNamed) {
    static_cast<void>(step(0));
    static_cast<void>(step(1));
    ASSERT_TRUE(write_file(file(first_round, PartyMessageKind::masked_sums, 2),
                           to_bytes(members.message(2, PartyMessageKind::masked_sums, first_round,
                                                    {}, Bytes(16, 0)))));
    const Step shown = step(0);
    ASSERT_FALSE(shown.result.has_value());
    EXPECT_NE(shown.result.error().message.find("member 2 (Clinic 2)"), std::string::npos);
}

TEST(PooledRounds, AreThoseThatTheCharterNames) {
    Members members(3, 2);
    const auto refusal = [&](std::vector<std::string> names) {
        members.charter.published_sums = std::move(names);
        return pooled_rounds(members.charter).error().message;
    };
    EXPECT_NE(refusal({"rows"}).find("'bound'"), std::string::npos);
    EXPECT_NE(refusal({"rows", "bound", "ages"}).find("'ages'"), std::string::npos);
    EXPECT_NE(refusal({"rows", "bound", "rows"}).find("twice"), std::string::npos);
    members.charter.published_sums = {"bound", "products", "rows", "columns"};
    const auto rounds = pooled_rounds(members.charter);
    ASSERT_TRUE(rounds.has_value());
    ASSERT_EQ(rounds->size(), 3U);
    EXPECT_EQ((*rounds)[1].sums[0].name, "columns");
    EXPECT_EQ((*rounds)[1].numbers(), 5U);  // 2 sums, and 3 products of 2 features
    members.charter.published_sums = {"bound", "rows"};
    EXPECT_EQ(pooled_rounds(members.charter)->size(), 2U);
    // Those of a public map's features: in a round after the columns', with their number.
    members.charter.published_sums = {"bound", "rows", "features:30", "feature_products:30",
                                      "squares"};
    const auto mapped = pooled_rounds(members.charter);
    ASSERT_TRUE(mapped.has_value());
    ASSERT_EQ(mapped->size(), 4U);
    EXPECT_EQ((*mapped)[2].sums[0].name, "features");
    EXPECT_EQ((*mapped)[2].numbers(), 30U + 465U);
    for (const char* name :
         {"features", "features:", "features:0", "features:4097", "features:030", "features:3x",
          "features:-3", "columns:3", "features:99999999999999999999"}) {
        EXPECT_NE(refusal({"rows", "bound", name}).find("nobody knows"), std::string::npos) << name;
    }
    EXPECT_NE(refusal({"rows", "bound", "features:3", "features:4"}).find("twice"),
              std::string::npos);
}

}  // namespace
}  // namespace cipherfit
