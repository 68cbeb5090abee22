#include "cipherfit/base/parallel.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

class Parallel : public testing::TestWithParam<std::size_t> {
  protected:
    void SetUp() override {
        before_ = thread_count();
        set_thread_count(GetParam());
    }
    void TearDown() override { set_thread_count(before_); }

  private:
    std::size_t before_ = 0;
};

TEST_P(Parallel, EveryIndexOnce) {
    for (const auto& [begin, end] : {std::pair{0, 0}, {5, 5}, {7, 3}, {3, 4}, {0, 2}, {10, 5000}}) {
        std::vector<std::atomic<int>> visits(5000);
        parallel_for(begin, end, [&](std::size_t i) { ++visits[i]; });
        for (int i = 0; i < 5000; ++i) {
            ASSERT_EQ(visits[static_cast<std::size_t>(i)], i >= begin && i < end ? 1 : 0) << i;
        }
    }
}

TEST_P(Parallel, NestedLoopsVisitEveryPair) {
    std::vector<std::atomic<int>> visits(40 * 50);
    parallel_for(0, 40, [&](std::size_t i) {
        parallel_for(0, 50, [&](std::size_t j) { ++visits[i * 50 + j]; });
    });
    for (const auto& count : visits) {
        ASSERT_EQ(count, 1);
    }
}

TEST_P(Parallel, ExceptionsComeBackAndTheNextLoopRuns) {
    for (const std::size_t end : {1U, 1000U}) {
        try {
            parallel_for(0, end, [end](std::size_t i) {
                if (i == end / 2) {
                    throw std::runtime_error("from index " + std::to_string(i));
                }
            });
            FAIL() << "nothing was thrown";
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(error.what(), "from index " + std::to_string(end / 2));
        }
        std::atomic<int> sum{0};
        parallel_for(0, 100, [&](std::size_t) { ++sum; });
        EXPECT_EQ(sum, 100);
    }
    EXPECT_THROW(parallel_for(0, 10,
                              [](std::size_t) {
                                  parallel_for(0, 10, [](std::size_t j) {
                                      if (j == 3) {
                                          throw std::logic_error("inner");
                                      }
                                  });
                              }),
                 std::logic_error);
}

TEST_P(Parallel, NoMoreThreadsThanAllowed) {
    EXPECT_EQ(thread_count(), GetParam());
    std::atomic<std::size_t> inside{0};
    std::atomic<std::size_t> most{0};
    parallel_for(0, 2000, [&](std::size_t) {
        const std::size_t now = ++inside;
        std::size_t seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --inside;
    });
    EXPECT_LE(most, GetParam());
    EXPECT_GE(most, 1U);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 5));

TEST(ThreadCount, ZeroMeansAllOfTheMachine) {
    const std::size_t before = thread_count();
    set_thread_count(0);
    EXPECT_EQ(thread_count(), std::max(1U, std::thread::hardware_concurrency()));
    set_thread_count(3);
    EXPECT_EQ(thread_count(), 3U);
    set_thread_count(before);
}

}  // namespace
}  // namespace cipherfit
