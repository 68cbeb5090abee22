// A fixed number of threads that do what they are given, in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
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
    void give(std::function<void()> work) {
        {
            const std::lock_guard lock(mutex_);
            queue_.push_back(std::move(work));
        }
        given_.notify_one();
    }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            given_.wait(lock, [this] { return ended_ || !queue_.empty(); });
            if (queue_.empty()) {
                return;
            }
            const std::function<void()> work = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            work();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable given_;
    std::deque<std::function<void()>> queue_;
    bool ended_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace cipherfit::service
