#include "cipherfit/base/parallel.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <sched.h>
#include <thread>

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

namespace cipherfit {
namespace {

std::mutex& limit_mutex() {
    static std::mutex mutex;
    return mutex;
}

// The standing limit on TBB's workers; replaced as a whole by set_thread_count.
std::unique_ptr<tbb::global_control>& limit() {
    static std::unique_ptr<tbb::global_control> control;
    return control;
}

// The processors that this process may run on: what taskset, a container or a batch system left it.
std::size_t available_threads() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
        return static_cast<std::size_t>(CPU_COUNT(&set));
    }
    return std::max(1U, std::thread::hardware_concurrency());  // more than the set has room for
}

}  // namespace

void set_thread_count(std::size_t threads) {
    if (threads == 0) {
        threads = available_threads();
    }
    const std::scoped_lock lock(limit_mutex());
    limit().reset();
    limit() = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    threads);
}

std::size_t thread_count() noexcept {
    return tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
}

void parallel_for(std::size_t begin, std::size_t end,
                  const std::function<void(std::size_t)>& body) {
    if (end <= begin + 1 || thread_count() == 1) {
        for (std::size_t i = begin; i < end; ++i) {
            body(i);
        }
        return;
    }
    tbb::parallel_for(begin, end, body);
}

}  // namespace cipherfit
