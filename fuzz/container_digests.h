// Containers for fuzz targets: mutations alone never find a SHA-256.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/io/bytes.h"
#include "cipherfit/io/container.h"
#include "fuzz_support.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace cipherfit {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t header_fields = 132;

inline void copy_digest(const Digest& digest, Bytes& bytes, std::size_t at) {
    std::ranges::copy(digest, bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

// Puts the right digest wherever the bytes, read as a container, should have one.
inline Bytes with_digests(Bytes bytes) {
    if (bytes.size() < header_fields + 32) {
        return bytes;
    }
    const Digest header = sha256(std::span(bytes).first(header_fields));
    copy_digest(header, bytes, header_fields);
    Sha256 chain;
    chain.update(header);
    std::size_t at = header_fields + 32;
    while (bytes.size() - at >= 48) {
        ByteReader in(std::span<const std::uint8_t>(bytes).subspan(at));
        const std::uint32_t tag = in.u32();
        (void)in.u32();
        const std::uint64_t length = in.u64();
        if (length > bytes.size() - at - 48) {
            break;
        }
        const std::size_t covered = 16 + static_cast<std::size_t>(length);
        const auto content = std::span<const std::uint8_t>(bytes).subspan(at, covered);
        if (tag == section_tag("END ")) {
            chain.update(content);
            copy_digest(chain.finish(), bytes, at + covered);
            break;
        }
        const Digest digest = sha256(content);
        chain.update(digest);
        copy_digest(digest, bytes, at + covered);
        at += covered + 32;
    }
    return bytes;
}

// Bytes as a file that has a path, for readers that open one.
class MemoryFile {
  public:
    explicit MemoryFile(std::span<const std::uint8_t> bytes)
        : descriptor_(::memfd_create("cipherfit-fuzz", MFD_CLOEXEC)) {
        claim(descriptor_ >= 0);
        claim(::write(descriptor_, bytes.data(), bytes.size()) ==
              static_cast<ssize_t>(bytes.size()));
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

}  // namespace cipherfit
