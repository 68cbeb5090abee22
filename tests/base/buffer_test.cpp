#include "cipherfit/base/buffer.h"

#include <algorithm>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

TEST(Buffer, IsAlignedAndWritableAtEverySize) {
    for (const std::size_t size : {1U, 7U, 8U, 9U, 64U, 1000U, 4096U, 262136U, 262144U, 300001U}) {
        Buffer buffer(size);
        ASSERT_EQ(buffer.size(), size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U) << size;
        std::fill(buffer.span().begin(), buffer.span().end(), ~std::uint64_t{0});
        EXPECT_EQ(buffer.span().back(), ~std::uint64_t{0});
    }
}

TEST(Buffer, EmptyOnesHoldNothing) {
    const Buffer none;
    const Buffer zero(0, true);
    for (const Buffer* buffer : {&none, &zero}) {
        EXPECT_EQ(buffer->data(), nullptr);
        EXPECT_EQ(buffer->size(), 0U);
        EXPECT_EQ(buffer->copy().size(), 0U);
    }
}

TEST(Buffer, ZeroedMeansZeroThoughTheBlockWasUsed) {
    constexpr std::size_t size = 5000;
    const std::uint64_t* used = nullptr;
    {
        Buffer dirty(size);
        std::fill(dirty.span().begin(), dirty.span().end(), 0xabU);
        used = dirty.data();
    }
    const Buffer clean(size, true);
    EXPECT_EQ(clean.data(), used);  // the pool gave the same block again
    EXPECT_TRUE(std::ranges::all_of(clean.span(), [](std::uint64_t word) { return word == 0; }));
}

TEST(Buffer, BlocksAreReusedAndThePoolDoesNotGrow) {
    constexpr std::size_t size = 12345;
    {
        const Buffer first(size);
    }
    const std::size_t before = pooled_bytes();
    for (int i = 0; i < 100; ++i) {
        const Buffer again(size);
        const Buffer slightly_smaller(size - size / 10);
        static_cast<void>(slightly_smaller);
    }
    // One more block at most: two are alive at a time.
    EXPECT_LE(pooled_bytes() - before, 2 * size * sizeof(std::uint64_t));
    const std::size_t grown = pooled_bytes();
    {
        const Buffer a(size);
        const Buffer b(size - size / 10);
    }
    EXPECT_EQ(pooled_bytes(), grown);
}

TEST(Buffer, ThePoolCountsWhatItHolds) {
    const std::size_t before = pooled_bytes();
    constexpr std::size_t size = 777777;  // a size of no other test
    const Buffer buffer(size);
    const std::size_t bytes = size * sizeof(std::uint64_t);
    EXPECT_GE(pooled_bytes() - before, bytes);
    EXPECT_LE(pooled_bytes() - before, bytes + (std::size_t{1} << 21U) + 64);
}

TEST(Buffer, ASmallRequestDoesNotTakeALargeBlock) {
    const std::uint64_t* large = nullptr;
    {
        const Buffer buffer(200000);
        large = buffer.data();
    }
    const Buffer small(1000);
    EXPECT_NE(small.data(), large);
}

TEST(Buffer, MovesLeaveNothingBehind) {
    Buffer a(10);
    a.data()[9] = 42;
    const std::uint64_t* words = a.data();
    Buffer b = std::move(a);
    EXPECT_EQ(b.data(), words);
    EXPECT_EQ(b.size(), 10U);
    EXPECT_EQ(a.data(), nullptr);  // NOLINT: what is tested
    EXPECT_EQ(a.size(), 0U);
    Buffer c(20);
    c = std::move(b);
    EXPECT_EQ(c.data(), words);
    EXPECT_EQ(c.data()[9], 42U);
    Buffer& self = c;
    c = std::move(self);
    EXPECT_EQ(c.data(), words);
}

TEST(Buffer, CopiesAreSeparate) {
    Buffer a(100);
    for (std::size_t i = 0; i < 100; ++i) {
        a.data()[i] = i;
    }
    const Buffer b = a.copy();
    EXPECT_NE(a.data(), b.data());
    EXPECT_TRUE(std::ranges::equal(a.span(), b.span()));
    a.data()[0] = 7;
    EXPECT_EQ(b.data()[0], 0U);
}

TEST(Buffer, WipingOverwrites) {
    Buffer buffer(100);
    std::fill(buffer.span().begin(), buffer.span().end(), 5U);
    buffer.wipe();
    EXPECT_TRUE(std::ranges::all_of(buffer.span(), [](std::uint64_t word) { return word == 0; }));
    Buffer().wipe();
}

TEST(Buffer, ImpossibleSizesThrow) {
    EXPECT_THROW(Buffer(~std::size_t{0}), std::bad_alloc);
    EXPECT_THROW(Buffer((std::size_t{1} << 61U) + 1), std::bad_alloc);
}

TEST(Buffer, LiveBlocksNeverOverlapWhateverTheThreads) {
    constexpr int threads = 4;
    std::vector<std::thread> workers;
    std::vector<int> wrong(threads, 0);
    for (int worker = 0; worker < threads; ++worker) {
        workers.emplace_back([worker, &wrong] {
            for (std::size_t round = 0; round < 200; ++round) {
                std::vector<Buffer> buffers;
                buffers.reserve(8);
                for (std::size_t i = 0; i < 8; ++i) {
                    buffers.emplace_back(100 + (round * 7 + i * 13) % 900);
                    const std::uint64_t mark = (std::uint64_t(worker) << 32U) + round * 8 + i;
                    std::fill(buffers.back().span().begin(), buffers.back().span().end(), mark);
                }
                for (std::size_t i = 0; i < 8; ++i) {
                    const std::uint64_t mark = (std::uint64_t(worker) << 32U) + round * 8 + i;
                    wrong[static_cast<std::size_t>(worker)] +=
                        std::ranges::count(buffers[i].span(), mark) ==
                                static_cast<std::ptrdiff_t>(buffers[i].size())
                            ? 0
                            : 1;
                }
            }
        });
    }
    for (std::thread& worker : workers) {
        worker.join();
    }
    EXPECT_EQ(wrong, std::vector<int>(threads, 0));
}

}  // namespace
}  // namespace cipherfit
