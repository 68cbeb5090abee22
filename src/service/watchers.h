// Who wants to know when a job changes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit::service {

class Watchers {
  public:
    // `changed` is called on any thread and must only pass it on. Returns what remove() takes.
    std::uint64_t add(const std::string& job, std::function<void()> changed) {
        const std::lock_guard lock(mutex_);
        const std::uint64_t number = ++last_;
        watchers_.emplace(std::pair(job, number), std::move(changed));
        return number;
    }
    void remove(const std::string& job, std::uint64_t number) {
        const std::lock_guard lock(mutex_);
        watchers_.erase(std::pair(job, number));
    }
    void notify(const std::string& job) const {
        const std::lock_guard lock(mutex_);
        for (auto entry = watchers_.lower_bound(std::pair(job, std::uint64_t{0}));
             entry != watchers_.end() && entry->first.first == job; ++entry) {
            entry->second();
        }
    }
    void notify_all() const {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, changed] : watchers_) {
            changed();
        }
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::uint64_t>, std::function<void()>> watchers_;
    std::uint64_t last_ = 0;
};

}  // namespace cipherfit::service
