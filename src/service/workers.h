// A fixed number of threads that do what they are given: in order for each client, and one of each
// client in turn.
#pragma once

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
    explicit Workers(unsigned threads) {
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
            given_.wait(lock, [this] { return ended_ || !turns_.empty(); });
            if (turns_.empty()) {
                return;
            }
            {
                const std::function<void()> work = take();
                lock.unlock();
                work();
            }
            lock.lock();
        }
    }

    std::function<void()> take() {
        const std::string client = std::move(turns_.front());
        turns_.pop_front();
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

    std::mutex mutex_;
    std::condition_variable given_;
    std::map<std::string, std::deque<std::function<void()>>> clients_;
    std::deque<std::string> turns_;
    bool ended_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace cipherfit::service
