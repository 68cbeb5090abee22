#include "cipherfit/base/buffer.h"

#include "base/idle_blocks.h"
#include "cipherfit/base/secure.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace cipherfit {
namespace {

class Pool {
  public:
    ~Pool() = default;

    std::pair<std::uint64_t*, std::size_t> take(std::size_t bytes) {
        {
            const std::scoped_lock lock(mutex_);
            if (const auto block = idle_.take(bytes)) {
                return *block;
            }
        }
        return {allocate(bytes), bytes};
    }

    void give(std::uint64_t* block, std::size_t bytes) noexcept {
        try {
            const std::scoped_lock lock(mutex_);
            idle_.give(block, bytes);
        } catch (...) {  // no memory to remember the block by: let it go
            std::free(block);
            total_ -= bytes;
        }
    }

    std::size_t total() const noexcept { return total_.load(); }

    void trim() noexcept {
        const std::scoped_lock lock(mutex_);
        idle_.clear([this](std::uint64_t* block, std::size_t bytes) {
            std::free(block);
            total_ -= bytes;
        });
    }

  private:
    std::uint64_t* allocate(std::size_t bytes) {
        const bool large = bytes >= huge_page;
        const std::size_t alignment = large ? huge_page : block_alignment;
        void* block = std::aligned_alloc(alignment, bytes);
        if (block == nullptr) {
            trim();
            block = std::aligned_alloc(alignment, bytes);
        }
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        if (large) {
            madvise(block, bytes, MADV_HUGEPAGE);  // advice only: a refusal costs speed, no more
        }
        total_ += bytes;
        return static_cast<std::uint64_t*>(block);
    }

    std::mutex mutex_;
    IdleBlocks<std::uint64_t*> idle_;
    std::atomic<std::size_t> total_{0};
};

// Never destroyed: buffers with static storage may outlive any order of destruction.
Pool& pool() {
    static Pool& instance = *new Pool;
    return instance;
}

}  // namespace

Buffer::Buffer(std::size_t size, bool zeroed) : size_(size) {
    if (size == 0) {
        return;
    }
    if (size > (std::size_t{1} << 40U)) {
        throw std::bad_alloc();
    }
    const auto [block, capacity] = pool().take(block_bytes(size));
    block[0] = capacity;
    data_ = block + block_header_words;
    if (zeroed) {
        std::memset(data_, 0, size * sizeof(std::uint64_t));
    }
}

Buffer::~Buffer() {
    if (data_ != nullptr) {
        std::uint64_t* block = data_ - block_header_words;
        pool().give(block, block[0]);
    }
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Buffer Buffer::copy() const {
    Buffer result(size_);
    if (size_ != 0) {
        std::memcpy(result.data_, data_, size_ * sizeof(std::uint64_t));
    }
    return result;
}

void Buffer::wipe() noexcept {
    if (data_ != nullptr) {
        secure_wipe(data_, size_ * sizeof(std::uint64_t));
    }
}

std::size_t pooled_bytes() noexcept {
    return pool().total();
}

void trim_pool() noexcept {
    pool().trim();
}

}  // namespace cipherfit
