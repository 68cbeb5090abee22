// Memory for secrets that live long: keys, seeds and passphrases.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace cipherfit {

// Keeps the pages of these bytes from being swapped and out of core dumps, as far as the system
// lets it: a refusal (a user may lock so much and no more) is no error.
void lock_memory(const void* data, std::size_t bytes) noexcept;
// Takes that back for the pages that hold nothing else.
void unlock_memory(const void* data, std::size_t bytes) noexcept;

// Zeroed pages of their own, locked; throws std::bad_alloc. And their end: wiped and given back.
void* allocate_locked(std::size_t bytes);
void release_locked(void* data, std::size_t bytes) noexcept;

// A fixed number of values, zero at first, in pages of their own that are locked, and wiped when
// they go. Move-only.
template <class T>
class LockedVector {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    explicit LockedVector(std::size_t size)
        : values_(static_cast<T*>(allocate_locked(size * sizeof(T)))), size_(size) {}
    ~LockedVector() { release_locked(values_, size_ * sizeof(T)); }
    LockedVector(LockedVector&& other) noexcept
        : values_(std::exchange(other.values_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    LockedVector& operator=(LockedVector&& other) noexcept {
        std::swap(values_, other.values_);
        std::swap(size_, other.size_);
        return *this;
    }
    LockedVector(const LockedVector&) = delete;
    LockedVector& operator=(const LockedVector&) = delete;

    std::span<T> span() noexcept { return {values_, size_}; }
    std::span<const T> span() const noexcept { return {values_, size_}; }
    T* data() noexcept { return values_; }
    const T* data() const noexcept { return values_; }
    std::size_t size() const noexcept { return size_; }
    T& operator[](std::size_t i) noexcept { return values_[i]; }
    const T& operator[](std::size_t i) const noexcept { return values_[i]; }

  private:
    T* values_;
    std::size_t size_;
};

}  // namespace cipherfit
