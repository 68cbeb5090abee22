// Names of posts, which come from outside.
#include "cipherfit/parties/post_place.h"

#include "cipherfit/parties/board.h"

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(PostPlace, ReadsTheNamesThatBoardsMake) {
    constexpr std::size_t members = 12;
    for (const std::uint32_t round : {0U, 7U, 99U}) {
        for (std::uint32_t kind = 1; kind <= 13; ++kind) {
            for (const std::uint32_t recipient : {0U, 11U, to_everyone}) {
                const MessageSlot slot{static_cast<PartyMessageKind>(kind), 4, recipient};
                const std::string name = "messages/" + Board::file_name(round, slot);
                const auto place = post_place(name, members);
                ASSERT_TRUE(place.has_value()) << name;
                EXPECT_FALSE(place->is_signature);
                EXPECT_EQ(place->round, round);
                EXPECT_EQ(place->slot, slot);
            }
        }
    }
    const auto signature = post_place("signatures/011.sig", members);
    ASSERT_TRUE(signature.has_value());
    EXPECT_TRUE(signature->is_signature);
    EXPECT_EQ(signature->slot.sender, 11U);
}

TEST(PostPlace, TakesNoOtherName) {
    for (const char* name : {"",
                             "messages/",
                             "signatures/",
                             "signatures/3.sig",
                             "signatures/003.sig2",
                             "signatures/012.sig",
                             "signatures/00a.sig",
                             "charter.bin",
                             "result.bin",
                             "messages/00-01-000-all.msg2",
                             "messages/0-01-000-all.msg",
                             "messages/00-00-000-all.msg",
                             "messages/00-14-000-all.msg",
                             "messages/00-01-012-all.msg",
                             "messages/00-01-000-012.msg",
                             "messages/00-01-000-ALL.msg",
                             "messages/00-01-000-al.msg",
                             "messages/00_01_000_all.msg",
                             "messages/../000-all.msg",
                             "messages/+0-01-000-all.msg",
                             "other/00-01-000-all.msg"}) {
        EXPECT_FALSE(post_place(name, 12).has_value()) << name;
    }
}

}  // namespace
}  // namespace cipherfit
