// Secrets in memory: on pages of their own, which the kernel is told of, and wiped.
#include "cipherfit/base/locked_memory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

// The flags of the mapping that holds the address, as /proc says.
std::string flags_of(const void* data) {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool here = false;
    while (std::getline(maps, line)) {
        std::uintptr_t first = 0;
        std::uintptr_t end = 0;
        char dash = 0;
        std::istringstream range(line);
        if (range >> std::hex >> first >> dash >> end && dash == '-') {
            here = first <= address && address < end;
        } else if (here && line.starts_with("VmFlags:")) {
            return line;
        }
    }
    return {};
}

// The sanitizers' runtimes turn mlock() into a call that does nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocksNothing = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kLocksNothing = true;
#else
constexpr bool kLocksNothing = false;
#endif
#else
constexpr bool kLocksNothing = false;
#endif

bool may_lock() {
    if (kLocksNothing) {
        return false;
    }
    rlimit limit{};
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= 65536;
}

TEST(LockedVector, LiesOnLockedPagesThatNoDumpHolds) {
    LockedVector<std::uint8_t> secret(100);
    EXPECT_TRUE(std::ranges::all_of(secret.span(), [](std::uint8_t b) { return b == 0; }));
    secret[99] = 7;
    const std::string flags = flags_of(secret.data());
    if (flags.empty()) {
        GTEST_SKIP() << "this system shows no flags of mappings";
    }
    EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
    if (may_lock()) {
        EXPECT_NE(flags.find(" lo"), std::string::npos) << flags;
    }
}

TEST(LockedVector, MovesAndMayBeEmpty) {
    LockedVector<int> a(3);
    a[2] = 5;
    LockedVector<int> b(std::move(a));
    EXPECT_EQ(b.size(), 3U);
    EXPECT_EQ(b[2], 5);
    LockedVector<int> c(0);
    EXPECT_EQ(c.data(), nullptr);
    c = std::move(b);
    EXPECT_EQ(c[2], 5);
}

TEST(LockMemory, MarksPagesAndTakesItBack) {
    std::vector<std::uint8_t> bytes(1U << 20U);
    lock_memory(bytes.data(), bytes.size());
    const void* middle = bytes.data() + bytes.size() / 2;
    if (flags_of(middle).empty()) {
        GTEST_SKIP() << "this system shows no flags of mappings";
    }
    EXPECT_NE(flags_of(middle).find(" dd"), std::string::npos);
    unlock_memory(bytes.data(), bytes.size());
    EXPECT_EQ(flags_of(middle).find(" dd"), std::string::npos);
    EXPECT_EQ(flags_of(middle).find(" lo"), std::string::npos);
    lock_memory(nullptr, 0);
    unlock_memory(nullptr, 10);
}

}  // namespace
}  // namespace cipherfit
