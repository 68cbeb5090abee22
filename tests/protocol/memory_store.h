// A job that never touches a disk: what a service's store does to sessions.
#pragma once

#include "cipherfit/protocol/job_store.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cipherfit::testing {

class MemoryStore final : public JobStore {
  public:
    using Bytes = std::vector<std::uint8_t>;

    bool exists(std::string_view name) const override {
        const std::lock_guard guard(mutex_);
        return contents_.contains(name);
    }
    Expected<std::unique_ptr<ByteSource>> get(std::string_view name) const override {
        const std::lock_guard guard(mutex_);
        const auto found = contents_.find(name);
        if (found == contents_.end()) {
            return make_error(ErrorCode::io_failure, "{}: is not there", label(name));
        }
        return std::make_unique<Source>(found->second, label(name));
    }
    Expected<std::unique_ptr<ByteSink>> put(std::string_view name) override {
        require(is_content_name(name), ErrorCode::invalid_argument, "{}: no name", name);
        return std::make_unique<Sink>(*this, std::string(name));
    }
    Expected<void> remove(std::string_view name) override {
        const std::lock_guard guard(mutex_);
        if (const auto found = contents_.find(name); found != contents_.end()) {
            contents_.erase(found);
        }
        return {};
    }
    Expected<void> copy(std::string_view from, std::string_view to) override {
        const std::lock_guard guard(mutex_);
        contents_[std::string(to)] = contents_.find(from)->second;
        return {};
    }
    Expected<std::vector<std::string>> list(std::string_view prefix) const override {
        const std::lock_guard guard(mutex_);
        std::vector<std::string> names;
        for (const auto& [name, bytes] : contents_) {
            if (name.starts_with(prefix)) {
                names.push_back(name);
            }
        }
        return names;
    }
    std::string label(std::string_view name) const override {
        return "tenant's " + std::string(name);
    }
    Expected<std::unique_ptr<JobHold>> hold() override {
        if (held_.exchange(true)) {
            return make_error(ErrorCode::busy, "the job is in use");
        }
        return std::make_unique<Hold>(held_);
    }
    // Takes over what the other has: encrypting once more would give other ciphertexts.
    void fill(const MemoryStore& other) { contents_ = other.contents_; }
    Bytes bytes(std::string_view name) const {
        const std::lock_guard guard(mutex_);
        return *contents_.find(name)->second;
    }

  private:
    using Shared = std::shared_ptr<const Bytes>;

    class Source final : public ByteSource {
      public:
        Source(Shared bytes, std::string name)
            : bytes_(std::move(bytes)), memory_(*bytes_, std::move(name)) {}
        const std::string& name() const noexcept override { return memory_.name(); }
        std::uint64_t size() const noexcept override { return memory_.size(); }
        Expected<void> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override {
            return memory_.read_at(offset, out);
        }

      private:
        Shared bytes_;
        MemorySource memory_;
    };
    class Sink final : public ByteSink {
      public:
        Sink(MemoryStore& store, std::string content)
            : store_(store), content_(std::move(content)), memory_(bytes_, content_) {}
        const std::string& name() const noexcept override { return content_; }
        std::uint64_t bytes_written() const noexcept override { return memory_.bytes_written(); }
        Expected<void> write(std::span<const std::uint8_t> bytes) override {
            return memory_.write(bytes);
        }
        Expected<void> commit() override {
            return memory_.commit().map([this] {
                const std::lock_guard guard(store_.mutex_);
                store_.contents_[content_] = std::make_shared<const Bytes>(std::move(bytes_));
            });
        }

      private:
        MemoryStore& store_;
        std::string content_;
        Bytes bytes_;
        MemorySink memory_;
    };
    class Hold final : public JobHold {
      public:
        explicit Hold(std::atomic<bool>& held) : held_(held) {}
        ~Hold() override { held_ = false; }

      private:
        std::atomic<bool>& held_;
    };

    mutable std::mutex mutex_;
    std::map<std::string, Shared, std::less<>> contents_;
    std::atomic<bool> held_{false};
};

}  // namespace cipherfit::testing
