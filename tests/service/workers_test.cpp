// How clients share the service's threads, and what one of them can take.
#include "service/workers.h"

#include "service/client_counts.h"
#include "service/rare_notes.h"

#include <chrono>
#include <future>
#include <string>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

TEST(WorkersTest, ClientsTakeTurnsAndEachIsServedInOrder) {
    std::string order;
    std::promise<void> opened;
    {
        Workers workers(1);
        workers.give("zero", [gate = opened.get_future().share()] { gate.wait(); });
        for (const char* work : {"a1", "a2", "a3"}) {
            workers.give("alice", [&order, work] { order += work; });
        }
        workers.give("bob", [&order] { order += "b1"; });
        workers.give("carol", [&order] { order += "c1"; });
        opened.set_value();
    }
    EXPECT_EQ(order, "a1b1c1a2a3");
}

TEST(WorkersTest, OneClientDoesNotTakeAllThreads) {
    std::promise<void> opened;
    std::promise<void> served;
    {
        Workers workers(3);
        const auto gate = opened.get_future().share();
        for (int i = 0; i < 5; ++i) {
            workers.give("alice", [gate] { gate.wait(); });
        }
        workers.give("bob", [&served] { served.set_value(); });
        EXPECT_EQ(served.get_future().wait_for(std::chrono::seconds(60)),
                  std::future_status::ready);
        opened.set_value();
    }
}

TEST(ClientCountsTest, AClientHasSoManyAndNoMore) {
    ClientCounts counts("calls", 2);
    counts.open("alice");
    counts.open("alice");
    try {
        counts.open("alice");
        FAIL();
    } catch (const Refusal& refusal) {
        EXPECT_EQ(refusal.status(), Status::resource_exhausted);
        EXPECT_STREQ(refusal.what(), "'alice' has 2 calls under way, which is the most");
    }
    counts.open("bob");
    counts.close("alice");
    counts.open("alice");
    EXPECT_THROW(counts.open("alice"), Refusal);
}

TEST(RareNotesTest, SoManyAMinuteAndTheOthersAreCounted) {
    RareNotes notes(2);
    const RareNotes::Clock::time_point begin{};
    const auto at = [&](int seconds) { return begin + std::chrono::seconds(seconds); };
    EXPECT_EQ(notes.next(at(100)), 0U);
    EXPECT_EQ(notes.next(at(101)), 0U);
    EXPECT_FALSE(notes.next(at(102)).has_value());
    EXPECT_FALSE(notes.next(at(159)).has_value());
    EXPECT_EQ(notes.next(at(160)), 2U);
    EXPECT_EQ(notes.next(at(161)), 0U);
    EXPECT_FALSE(notes.next(at(162)).has_value());
}

}  // namespace
}  // namespace cipherfit::service
