// In order of arrival within each owner, and one of each owner in turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace cipherfit::service {

struct QueuedJob {
    std::string id;
    std::uint64_t memory_bytes = 0;
    std::string owner = {};  // set by the queue
};

class FairQueue {
  public:
    void push(const std::string& owner, QueuedJob job) {
        auto& jobs = owners_[owner];
        job.owner = owner;
        if (jobs.empty()) {
            turns_.push_back(owner);
        }
        jobs.push_back(std::move(job));
        ++size_;
    }
    // What was taken and could not be served is the next again.
    void put_back(QueuedJob job) {
        const std::string owner = job.owner;
        auto& jobs = owners_[owner];
        if (!jobs.empty()) {
            turns_.remove(owner);
        }
        turns_.push_front(owner);
        jobs.push_front(std::move(job));
        ++size_;
    }
    // The one that is served next.
    const QueuedJob* front() const {
        return turns_.empty() ? nullptr : &owners_.at(turns_.front()).front();
    }
    // Takes it; its owner's turn is over.
    QueuedJob pop() {
        const std::string owner = turns_.front();
        turns_.pop_front();
        auto& jobs = owners_[owner];
        QueuedJob job = std::move(jobs.front());
        jobs.pop_front();
        if (jobs.empty()) {
            owners_.erase(owner);
        } else {
            turns_.push_back(owner);
        }
        --size_;
        return job;
    }
    bool remove(const std::string& owner, const std::string& id) {
        const auto jobs = owners_.find(owner);
        if (jobs == owners_.end()) {
            return false;
        }
        const auto removed =
            std::erase_if(jobs->second, [&](const QueuedJob& job) { return job.id == id; });
        size_ -= removed;
        if (jobs->second.empty()) {
            owners_.erase(jobs);
            turns_.remove(owner);
        }
        return removed > 0;
    }
    // How many are served before it; nothing if it is not here.
    std::optional<std::size_t> position(const std::string& owner, const std::string& id) const {
        const auto own = owners_.find(owner);
        if (own == owners_.end()) {
            return {};
        }
        const auto found =
            std::ranges::find_if(own->second, [&](const QueuedJob& job) { return job.id == id; });
        if (found == own->second.end()) {
            return {};
        }
        // Its owner has this many turns before the one that serves it. Owners whose turn is before
        // this owner's have one more.
        const auto rounds = static_cast<std::size_t>(found - own->second.begin());
        std::size_t before = rounds;
        bool is_earlier = true;
        for (const std::string& other : turns_) {
            if (other == owner) {
                is_earlier = false;
                continue;
            }
            before += std::min(owners_.at(other).size(), rounds + (is_earlier ? 1 : 0));
        }
        return before;
    }
    std::size_t size() const noexcept { return size_; }

  private:
    std::map<std::string, std::deque<QueuedJob>> owners_;
    std::list<std::string> turns_;
    std::size_t size_ = 0;
};

}  // namespace cipherfit::service
