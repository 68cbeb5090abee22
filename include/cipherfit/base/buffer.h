// Memory for polynomials: 64-byte aligned words from a process-wide pool, so that the evaluator's
// inner loops neither fault in pages nor return them to the system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cipherfit {

// `size` words, uninitialised unless `zeroed`. Move-only; copy() is explicit since it is dear.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::size_t size, bool zeroed = false);
    ~Buffer();
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    Buffer copy() const;
    std::uint64_t* data() noexcept { return data_; }
    const std::uint64_t* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::span<std::uint64_t> span() noexcept { return {data_, size_}; }
    std::span<const std::uint64_t> span() const noexcept { return {data_, size_}; }

    // Overwrites the words in a way that the compiler may not drop. For secrets.
    void wipe() noexcept;

  private:
    std::uint64_t* data_ = nullptr;
    std::size_t size_ = 0;
};

// Bytes that the pool holds, in use and idle: what peak-memory predictions are checked against.
std::size_t pooled_bytes() noexcept;

}  // namespace cipherfit
