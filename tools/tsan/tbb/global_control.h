// Stands in for oneTBB's header in the thread-sanitizer build: see parallel_for.h beside it.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

namespace tbb {

class global_control {
  public:
    enum parameter { max_allowed_parallelism };

    global_control(parameter /*which*/, std::size_t value) : before_(limit().exchange(value)) {}
    ~global_control() { limit().store(before_); }
    global_control(const global_control&) = delete;
    global_control& operator=(const global_control&) = delete;

    static std::size_t active_value(parameter /*which*/) { return limit().load(); }

  private:
    static std::atomic<std::size_t>& limit() {
        static std::atomic<std::size_t> value{std::thread::hardware_concurrency()};
        return value;
    }

    std::size_t before_;
};

}  // namespace tbb
