#include "cipherfit/base/locked_memory.h"

#include "cipherfit/base/secure.h"

#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace cipherfit {
namespace {

std::size_t page_bytes() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t whole_pages(std::size_t bytes) noexcept {
    return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

}  // namespace

void lock_memory(const void* data, std::size_t bytes) noexcept {
    if (data == nullptr || bytes == 0) {
        return;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = address / page_bytes() * page_bytes();
    auto* pages = reinterpret_cast<void*>(first);  // NOLINT(performance-no-int-to-ptr): a page
    const std::size_t size = whole_pages(address + bytes - first);
    static_cast<void>(::mlock(pages, size));
    static_cast<void>(::madvise(pages, size, MADV_DONTDUMP));
}

void unlock_memory(const void* data, std::size_t bytes) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = whole_pages(address);
    const std::uintptr_t end = (address + bytes) / page_bytes() * page_bytes();
    if (data != nullptr && end > first) {
        auto* pages = reinterpret_cast<void*>(first);  // NOLINT(performance-no-int-to-ptr): a page
        static_cast<void>(::munlock(pages, end - first));
        static_cast<void>(::madvise(pages, end - first, MADV_DODUMP));
    }
}

void* allocate_locked(std::size_t bytes) {
    if (bytes == 0) {
        return nullptr;
    }
    void* data = ::mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        throw std::bad_alloc();
    }
    lock_memory(data, bytes);
    return data;
}

void release_locked(void* data, std::size_t bytes) noexcept {
    if (data != nullptr) {
        secure_wipe(data, bytes);
        ::munmap(data, whole_pages(bytes));
    }
}

}  // namespace cipherfit
