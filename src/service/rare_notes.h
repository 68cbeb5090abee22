// Passes on a limited number of notes a minute and counts the others: whoever is refused must not
// be able to fill the disk with it.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

namespace cipherfit::service {

class RareNotes {
  public:
    using Clock = std::chrono::steady_clock;
    explicit RareNotes(unsigned a_minute) : most_(a_minute) {}

    // Nothing if this one is to be left out; otherwise how many were left out before it.
    std::optional<unsigned> next(Clock::time_point now = Clock::now()) {
        const std::lock_guard lock(mutex_);
        if (!began_ || now - *began_ >= std::chrono::minutes(1)) {
            began_ = now;
            noted_ = 0;
        }
        if (noted_ >= most_) {
            ++left_out_;
            return {};
        }
        ++noted_;
        const unsigned before = left_out_;
        left_out_ = 0;
        return before;
    }

  private:
    unsigned most_;
    std::mutex mutex_;
    std::optional<Clock::time_point> began_;
    unsigned noted_ = 0, left_out_ = 0;
};

}  // namespace cipherfit::service
