#include "cipherfit/base/parallel.h"

#include <memory>
#include <mutex>
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

}  // namespace

void set_thread_count(std::size_t threads) {
    if (threads == 0) {
        threads = std::max(1U, std::thread::hardware_concurrency());
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
