// Masked sums: exact in the sum, uniform alone; and what two of them give away.
#include "cipherfit/parties/pooled_sums.h"

#include "cipherfit/parties/owner/mask_sums.h"
#include "cipherfit/parties/owner/rows_ledger.h"
#include "parties/members.h"
#include "support/errors.h"
#include "support/statistics.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using test::Members;
using Numbers = std::vector<std::uint64_t>;

std::map<std::uint32_t, Numbers> masked(const Members& members,
                                        const std::map<std::uint32_t, Numbers>& plain) {
    std::map<std::uint32_t, Numbers> result;
    for (const auto& [member, numbers] : plain) {
        result[member] = mask_sums(members.charter, member, members.identities[member], 6, numbers);
    }
    return result;
}

TEST(PooledSums, MasksCancelExactlyInTheSumOfAll) {
    for (const unsigned count : {2U, 3U, 8U}) {
        const Members members(count, 2);
        std::map<std::uint32_t, Numbers> plain;
        Numbers expected(5, 0);
        for (std::uint32_t i = 0; i < count; ++i) {
            plain[i] = {i, 0 - std::uint64_t{i}, ~std::uint64_t{0},
                        std::uint64_t{1} << (60 + i % 4), to_fixed_point(-1.5 * i, 20, count)};
            for (std::size_t j = 0; j < expected.size(); ++j) {
                expected[j] += plain[i][j];
            }
        }
        const auto sums = pooled_sums(members.charter, masked(members, plain));
        ASSERT_TRUE(sums.has_value());
        EXPECT_EQ(*sums, expected);
        EXPECT_EQ(from_fixed_point((*sums)[4], 20), -1.5 * count * (count - 1) / 2);
    }
}

TEST(PooledSums, WhatOneContributorSendsIsUniform) {
    const Members members(3, 2);
    const Numbers sent =
        mask_sums(members.charter, 1, members.identities[1], 6, Numbers(16384, 42));
    std::array<std::size_t, 64> counts{};
    for (const std::uint64_t x : sent) {
        ++counts[x >> 58U];
    }
    EXPECT_LT(test::chi_square_deviations(counts, std::vector<double>(64, 1.0 / 64)), 6);
    EXPECT_EQ(sent, mask_sums(members.charter, 1, members.identities[1], 6, Numbers(16384, 42)));
    EXPECT_NE(sent, mask_sums(members.charter, 1, members.identities[1], 7, Numbers(16384, 42)));
    const Members again(3, 2, 2);
    EXPECT_NE(sent, mask_sums(again.charter, 1, again.identities[1], 6, Numbers(16384, 42)));
}

TEST(PooledSums, MissingForeignAndUnequalListsAreNamed) {
    Members members(4, 2);
    members.charter.members[3].contributor = false;
    std::map<std::uint32_t, Numbers> sent = masked(members, {{0, {1, 2}}, {1, {3, 4}}});
    const auto message = [&] { return pooled_sums(members.charter, sent).error().message; };
    EXPECT_NE(message().find("member 2 (Clinic 2) are missing"), std::string::npos);
    sent[2] = {1};
    EXPECT_NE(message().find("member 2 (Clinic 2) sent 1"), std::string::npos);
    sent[3] = {1, 2};
    EXPECT_FALSE(pooled_sums(members.charter, sent).has_value());
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"member 3"}, [&] {
        static_cast<void>(mask_sums(members.charter, 3, members.identities[3], 6, Numbers{1, 2}));
    }));
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"too large", "10 contributors"},
                             [] { static_cast<void>(to_fixed_point(1e12, 24, 10)); }));
}

TEST(PooledSums, BytesAreBoundedByWhatTheyHold) {
    const Numbers numbers{1, ~std::uint64_t{0}, 3};
    auto bytes = masked_to_bytes(numbers);
    EXPECT_EQ(*masked_from_bytes(bytes), numbers);
    bytes[5] = 1;  // a count of 2^40
    EXPECT_FALSE(masked_from_bytes(bytes).has_value());
}

// A subtraction of released sums: the same rows under a second charter without member 2.
TEST(PooledSumsAttack, TwoChartersThatDifferByOneMemberGiveItsSums) {
    const auto directory =
        std::filesystem::temp_directory_path() / ("cipherfit_ledger_" + std::to_string(::getpid()));
    std::filesystem::create_directory(directory);
    const std::map<std::uint32_t, Numbers> plain{{0, {32, 1700}}, {1, {20, 990}}, {2, {11, 777}}};
    const Members all(3, 2, 1);
    Members fewer(3, 2, 2);
    fewer.charter.members[2].contributor = false;
    const std::vector<Digest> rows{sha256(std::vector<std::uint8_t>{1}),
                                   sha256(std::vector<std::uint8_t>{2})};

    // Without the ledger both sums are made, and their difference is member 2's.
    const auto first = pooled_sums(all.charter, masked(all, plain));
    auto without = plain;
    without.erase(2);
    const auto second = pooled_sums(fewer.charter, masked(fewer, without));
    ASSERT_TRUE(first && second);
    EXPECT_EQ((*first)[0] - (*second)[0], 11U);
    EXPECT_EQ((*first)[1] - (*second)[1], 777U);

    // With it, member 0 refuses the second charter, and what the others send sums up to nothing.
    {
        auto ledger = RowsLedger::open(directory / "rows.ledger");
        ASSERT_TRUE(ledger.has_value());
        EXPECT_TRUE(ledger->claim(charter_digest(all.charter), rows).has_value());
        EXPECT_TRUE(ledger->claim(charter_digest(all.charter), rows).has_value());
    }
    auto ledger = RowsLedger::open(directory / "rows.ledger");  // after a restart
    ASSERT_TRUE(ledger.has_value());
    EXPECT_EQ(ledger->size(), 2U);
    const std::vector<Digest> overlapping{sha256(std::vector<std::uint8_t>{9}), rows[1]};
    const auto refused = ledger->claim(charter_digest(fewer.charter), overlapping);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find(to_hex(charter_digest(all.charter)).substr(0, 16)),
              std::string::npos);
    EXPECT_EQ(ledger->size(), 2U);
    auto one = masked(fewer, without);
    one.erase(0);
    EXPECT_FALSE(pooled_sums(fewer.charter, one).has_value());

    const auto mode = std::filesystem::status(directory / "rows.ledger").permissions();
    EXPECT_EQ(mode & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::ofstream(directory / "damaged") << "something else";
    EXPECT_FALSE(RowsLedger::open(directory / "damaged").has_value());
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cipherfit
