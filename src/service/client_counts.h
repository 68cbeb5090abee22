// How much of something each client has under way, up to a limit.
#pragma once

#include "service/refusal.h"

#include <map>
#include <mutex>
#include <string>

namespace cipherfit::service {

class ClientCounts {
  public:
    // `what`, in the plural, is what is counted.
    ClientCounts(std::string what, unsigned most) : what_(std::move(what)), most_(most) {}

    // One more; throws Refusal(resource_exhausted) beyond the limit.
    void open(const std::string& client) {
        const std::lock_guard lock(mutex_);
        unsigned& count = counts_[client];
        if (count >= most_) {
            refuse(Status::resource_exhausted, "'{}' has {} {} under way, which is the most",
                   client, count, what_);
        }
        ++count;
    }
    void close(const std::string& client) {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(client);
        if (found != counts_.end() && --found->second == 0) {
            counts_.erase(found);
        }
    }

  private:
    std::string what_;
    unsigned most_;
    std::mutex mutex_;
    std::map<std::string, unsigned> counts_;
};

}  // namespace cipherfit::service
