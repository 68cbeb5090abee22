#include "cipherfit/base/buffer.h"

#include "cipherfit/base/secure.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{1} << 21U;

// Idle blocks by capacity. A request takes the smallest block that holds it and is at most twice as
// large: as levels are spent, sizes shrink a limb at a time, and the blocks at hand go on serving.
class Pool {
  public:
    ~Pool() = default;

    std::pair<std::uint64_t*, std::size_t> take(std::size_t bytes) {
        {
            const std::scoped_lock lock(mutex_);
            const auto found = idle_.lower_bound(bytes);
            if (found != idle_.end() && found->first <= 2 * bytes) {
                auto block = std::pair{found->second.back(), found->first};
                found->second.pop_back();
                if (found->second.empty()) {
                    idle_.erase(found);
                }
                return block;
            }
        }
        return {allocate(bytes), bytes};
    }

    void give(std::uint64_t* block, std::size_t bytes) noexcept {
        try {
            const std::scoped_lock lock(mutex_);
            idle_[bytes].push_back(block);
        } catch (...) {  // no memory to remember the block by: let it go
            std::free(block);
            total_ -= bytes;
        }
    }

    std::size_t total() const noexcept { return total_.load(); }

  private:
    std::uint64_t* allocate(std::size_t bytes) {
        const bool large = bytes >= huge_page;
        void* block = std::aligned_alloc(large ? huge_page : alignment, bytes);
        if (block == nullptr) {
            trim();
            block = std::aligned_alloc(large ? huge_page : alignment, bytes);
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

    void trim() noexcept {
        const std::scoped_lock lock(mutex_);
        for (auto& [bytes, blocks] : idle_) {
            for (auto* block : blocks) {
                std::free(block);
                total_ -= bytes;
            }
        }
        idle_.clear();
    }

    std::mutex mutex_;
    std::map<std::size_t, std::vector<std::uint64_t*>> idle_;
    std::atomic<std::size_t> total_{0};
};

// Never destroyed: buffers with static storage may outlive any order of destruction.
Pool& pool() {
    static Pool& instance = *new Pool;
    return instance;
}

// The block's capacity in bytes stands in the word block before the data.
constexpr std::size_t header_words = alignment / sizeof(std::uint64_t);

std::size_t rounded(std::size_t bytes) {
    const std::size_t unit = bytes >= huge_page ? huge_page : alignment;
    return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Buffer::Buffer(std::size_t size, bool zeroed) : size_(size) {
    if (size == 0) {
        return;
    }
    if (size > (std::size_t{1} << 40U)) {
        throw std::bad_alloc();
    }
    const auto [block, capacity] =
        pool().take(rounded((size + header_words) * sizeof(std::uint64_t)));
    block[0] = capacity;
    data_ = block + header_words;
    if (zeroed) {
        std::memset(data_, 0, size * sizeof(std::uint64_t));
    }
}

Buffer::~Buffer() {
    if (data_ != nullptr) {
        std::uint64_t* block = data_ - header_words;
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

}  // namespace cipherfit
