// A download on its way: the bytes that came lie beside their target, under a name that says which
// file they are of, until all are there.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/io/byte_stream.h"
#include "cipherfit/io/file.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>

namespace cipherfit {

// SHA-256 of a source, read in pieces; `idle` is called after each.
Expected<Digest> digest_of(ByteSource& source, const std::function<void()>& idle);

// "<directory>/.<name>.<digest in hex>.part", of mode 0600. Throws Error(io_failure). One process
// at a time may work on a target.
class PartFile {
  public:
    // Finds what an earlier attempt has left; of several, which is no one's doing, none is used.
    explicit PartFile(std::filesystem::path target);

    // The digest of the file whose bytes these are; none if there is no part yet.
    const std::optional<Digest>& digest() const noexcept { return digest_; }
    std::uint64_t size() const noexcept { return size_; }
    // Begins the file of that digest. There is no part yet.
    void take_up(const Digest& digest);
    void append(std::span<const std::uint8_t> bytes);
    // Compares the digest; if it is right the file takes the target's name, after all its bytes
    // are on the disk. Returns whether it is.
    bool complete(const std::function<void()>& idle);
    void discard();

  private:
    std::filesystem::path path(const Digest& digest) const;
    void open();

    std::filesystem::path target_;
    std::optional<Digest> digest_;
    std::uint64_t size_ = 0;
    FileDescriptor descriptor_;
};

}  // namespace cipherfit
