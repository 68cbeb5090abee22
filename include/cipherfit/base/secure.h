// Randomness, hashing and wiping, all from OpenSSL 3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// 32 bytes that expand to a stream. A seed that produces secrets is secret itself.
using Seed = std::array<std::uint8_t, 32>;
using Digest = std::array<std::uint8_t, 32>;

// Fills from the system's CSPRNG (RAND_bytes, or RAND_priv_bytes for secrets). Throws Error
// (internal) when the system has none.
void random_bytes(std::span<std::uint8_t> out);
void random_secret_bytes(std::span<std::uint8_t> out);
Seed random_seed();

// SHA-256 of the bytes.
Digest sha256(std::span<const std::uint8_t> bytes);
std::string to_hex(std::span<const std::uint8_t> bytes);

// Overwrites in a way that the compiler may not drop.
void secure_wipe(void* data, std::size_t bytes) noexcept;

// Wipes an object that has wipe() when the scope ends, however it ends.
template <class T>
class WipeGuard {
  public:
    explicit WipeGuard(T& object) noexcept : object_(object) {}
    ~WipeGuard() { object_.wipe(); }
    WipeGuard(const WipeGuard&) = delete;
    WipeGuard& operator=(const WipeGuard&) = delete;

  private:
    T& object_;
};

// A fixed number of values that are wiped when they go. Move-only.
template <class T>
class SecretVector {
  public:
    explicit SecretVector(std::size_t size) : values_(size) {}
    ~SecretVector() { secure_wipe(values_.data(), values_.size() * sizeof(T)); }
    SecretVector(SecretVector&&) noexcept = default;
    SecretVector& operator=(SecretVector&&) = delete;
    SecretVector(const SecretVector&) = delete;
    SecretVector& operator=(const SecretVector&) = delete;

    std::span<T> span() noexcept { return values_; }
    std::span<const T> span() const noexcept { return values_; }
    T* data() noexcept { return values_.data(); }
    std::size_t size() const noexcept { return values_.size(); }
    T& operator[](std::size_t i) noexcept { return values_[i]; }
    const T& operator[](std::size_t i) const noexcept { return values_[i]; }

  private:
    std::vector<T> values_;
};

// SHA-256 in pieces. Move-only.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&& other) noexcept;
    Sha256& operator=(Sha256&& other) noexcept;
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void update(std::span<const std::uint8_t> bytes);
    // The digest of all that was fed; the object starts afresh.
    Digest finish();

  private:
    void* context_;
};

// The key stream of AES-256-CTR under a seed, from block 0 of the 8-byte stream number: the
// same (seed, stream) always gives the same bytes, and different streams of one seed are
// independent. Used to expand the uniform halves of keys and ciphertexts from public seeds, and to
// draw secrets from seeds of the system's CSPRNG. Move-only; wiped on destruction.
class KeyStream {
  public:
    KeyStream(const Seed& seed, std::uint64_t stream);
    ~KeyStream();
    KeyStream(KeyStream&& other) noexcept;
    KeyStream& operator=(KeyStream&& other) noexcept;
    KeyStream(const KeyStream&) = delete;
    KeyStream& operator=(const KeyStream&) = delete;
    // The next bytes of the stream.
    void fill(std::span<std::uint8_t> out);

  private:
    void* context_;
};

}  // namespace cipherfit
