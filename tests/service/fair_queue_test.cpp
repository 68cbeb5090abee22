#include "service/fair_queue.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace cipherfit::service {
namespace {

TEST(FairQueue, ServesOwnersInTurnAndEachInOrder) {
    FairQueue queue;
    for (const char* id : {"a1", "a2", "a3"}) {
        queue.push("alice", {id, 1});
    }
    queue.push("bob", {"b1", 1});
    std::string order;
    while (queue.front() != nullptr) {
        order += queue.pop().id + " ";
    }
    EXPECT_EQ(order, "a1 b1 a2 a3 ");
    EXPECT_EQ(queue.size(), 0U);
}

TEST(FairQueue, PositionIsHowManyAreServedBefore) {
    const bool holds = rc::check([] {
        FairQueue queue;
        std::vector<std::pair<std::string, std::string>> jobs;
        const int count = *rc::gen::inRange(1, 20);
        for (int i = 0; i < count; ++i) {
            const std::string owner(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
            const std::string id = std::to_string(i);
            queue.push(owner, {id, 1});
            jobs.emplace_back(owner, id);
            if (*rc::gen::inRange(0, 4) == 0) {
                const auto [other, job] = jobs[*rc::gen::inRange<std::size_t>(0, jobs.size())];
                if (queue.remove(other, job)) {
                    std::erase(jobs, std::pair(other, job));
                }
            }
        }
        std::vector<std::size_t> positions;
        for (const auto& [owner, id] : jobs) {
            positions.push_back(queue.position(owner, id).value());
        }
        RC_ASSERT(queue.size() == jobs.size());
        for (std::size_t served = 0; served < jobs.size(); ++served) {
            const std::string id = queue.pop().id;
            const auto found =
                std::ranges::find_if(jobs, [&](const auto& j) { return j.second == id; });
            RC_ASSERT(positions[static_cast<std::size_t>(found - jobs.begin())] == served);
        }
        RC_ASSERT(!queue.position("a", "none").has_value());
    });
    EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace cipherfit::service
