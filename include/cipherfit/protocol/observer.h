// How a session tells what it does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cipherfit {

struct Progress {
    // The server's phases are first: their numbers are part of the server's progress lines.
    enum class Phase {
        load_keys,
        load_data,
        prepare,
        train,
        write,
        make_keys,
        encrypt,
        decrypt,
        score
    } phase = Phase::load_keys;
    std::uint64_t done = 0;   // bytes, or iterations
    std::uint64_t total = 0;  // 0: not known
    std::size_t level = 0;    // of the model, while training
    std::uint64_t bytes_written = 0;
    double work_done = 0;  // while training, the part of all iterations' predicted work, 0 to 1
};

class Observer {
  public:
    Observer() = default;
    virtual ~Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    // Is called on the thread that called the session, between steps of the work. An exception ends
    // the work as an error does and reaches the caller.
    virtual void on_progress(const Progress& progress) = 0;
};

}  // namespace cipherfit
