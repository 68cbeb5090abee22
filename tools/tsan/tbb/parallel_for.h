// Stands in for oneTBB's header in the thread-sanitizer build (test.sh puts tools/tsan first on the
// include path). The sanitizer sees only code that was compiled with it, and Debian's libtbb was
// not: it takes every hand-over between the library's threads for a race, some hundred reports for
// one loop. Suppressing what has a TBB frame on the stack would suppress every loop body with it.
// With threads that the sanitizer understands, every race between loop bodies is reported and no
// suppression is needed.
#pragma once

#include "tbb/global_control.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tbb {

// body(i) for begin <= i < end, each i by the next idle thread. The outermost loops have at least
// two threads however many cores there are; loops within loops have two; deeper ones have none.
template <class Body>
void parallel_for(std::size_t begin, std::size_t end, const Body& body) {
    static thread_local int depth = 0;
    if (depth >= 2 || end <= begin + 1) {
        for (std::size_t i = begin; i < end; ++i) {
            body(i);
        }
        return;
    }
    std::atomic<std::size_t> next{begin};
    std::mutex mutex;
    std::exception_ptr failure;
    const int inner = depth + 1;
    const auto work = [&] {
        const int outer = depth;
        depth = inner;
        try {
            for (std::size_t i = next++; i < end; i = next++) {
                body(i);
            }
        } catch (...) {
            const std::scoped_lock lock(mutex);
            failure = std::current_exception();
            next = end;
        }
        depth = outer;
    };
    const std::size_t limit = global_control::active_value(global_control::max_allowed_parallelism);
    const std::size_t wanted = depth == 0 ? std::max<std::size_t>(2, limit) : 2;
    std::vector<std::thread> threads;
    for (std::size_t t = 1; t < std::min(wanted, end - begin); ++t) {
        threads.emplace_back(work);
    }
    work();
    for (std::thread& thread : threads) {
        thread.join();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

}  // namespace tbb
