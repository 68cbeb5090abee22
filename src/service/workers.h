// A fixed number of threads that do what they are given: in order for each client, and one of each
// client in turn. One client never has all of them at work, if there are several.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cipherfit::service {

class Workers {
  public:
    explicit Workers(unsigned threads) : most_(threads > 1 ? threads - 1 : 1) {
        for (unsigned i = 0; i < threads; ++i) {
            threads_.emplace_back([this] { run(); });
        }
    }
    // Does what was given before, then ends.
    ~Workers() {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        given_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // `work` must not throw.
    void give(const std::string& client, std::function<void()> work) {
        {
            const std::lock_guard lock(mutex_);
            auto& given = clients_[client];
            if (given.empty()) {
                turns_.push_back(client);
            }
            given.push_back(std::move(work));
        }
        given_.notify_one();
    }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            given_.wait(lock,
                        [this] { return next() != turns_.end() || (ended_ && turns_.empty()); });
            const auto turn = next();
            if (turn == turns_.end()) {
                return;
            }
            // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the turn goes
            const std::string client = *turn;
            turns_.erase(turn);
            {
                const std::function<void()> work = take(client);
                ++working_[client];
                lock.unlock();
                work();
            }
            lock.lock();
            if (--working_[client] == 0) {
                working_.erase(client);
            }
            // What this client could not have done before can be done now.
            given_.notify_all();
        }
    }

    // The first whose turn it is, and who has not the most threads already.
    std::deque<std::string>::const_iterator next() const {
        return std::ranges::find_if(turns_, [this](const std::string& client) {
            const auto working = working_.find(client);
            return working == working_.end() || working->second < most_;
        });
    }

    std::function<void()> take(const std::string& client) {
        const auto given = clients_.find(client);
        std::function<void()> work = std::move(given->second.front());
        given->second.pop_front();
        if (given->second.empty()) {
            clients_.erase(given);
        } else {
            turns_.push_back(client);
        }
        return work;
    }

    unsigned most_;
    std::mutex mutex_;
    std::condition_variable given_;
    std::map<std::string, std::deque<std::function<void()>>> clients_;
    std::deque<std::string> turns_;
    std::map<std::string, unsigned> working_;
    bool ended_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace cipherfit::service
