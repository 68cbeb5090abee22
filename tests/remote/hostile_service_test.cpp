// What an owner's program takes of the words of a service that means harm.
#include "remote/job_exchange.h"
#include "remote/service_messages.h"

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(HostileService, NamesFilesThatThePlanDoesNotMakeInVain) {
    for (const char* name : {"model.cft", "server_report.json", "scores.cft",
                             "checkpoints/iteration_0001.cft", "checkpoints/iteration_0012.cft"}) {
        EXPECT_TRUE(is_result(name, 12)) << name;
    }
    for (const char* name :
         {"", "plan.cft", "training_data.cft", "checkpoints/", "checkpoints/iteration_0013.cft",
          "checkpoints/iteration_0000.cft", "checkpoints/iteration_1.cft",
          "checkpoints/iteration_0001.answer.json", "checkpoints/iteration_0001.cft2",
          "checkpoints/other.cft", "checkpoints/../model.cft", "../model.cft", "/model.cft"}) {
        EXPECT_FALSE(is_result(name, 12)) << name;
    }
    EXPECT_FALSE(is_result("checkpoints/iteration_0001.cft", 0));  // of a prediction
}

TEST(HostileService, SpeaksNoControlCharactersToATerminal) {
    EXPECT_EQ(one_line("a\x1b[2Jb\nc\x7f"
                       "d"),
              "a [2Jb c d");
    EXPECT_EQ(one_line("a\xc2\x9b"
                       "2Jb"),
              "a  2Jb");  // CSI, as one character
    EXPECT_EQ(one_line("\xc3\xa9\xc2\xa0x"), "\xc3\xa9\xc2\xa0x");
    EXPECT_EQ(one_line("x\xc2"), "x\xc2");
    // CSI as one byte, to a terminal of eight-bit characters; the same byte within a character.
    EXPECT_EQ(one_line("a\x9b"
                       "2J\xc3\x9b\x9b"),
              "a 2J\xc3\x9b");
    EXPECT_EQ(one_line("\xe2\x82\x9b\xf0\x9f\x98\x80."), "\xe2\x82\x9b\xf0\x9f\x98\x80");
}

}  // namespace
}  // namespace cipherfit
