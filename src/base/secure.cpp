#include "cipherfit/base/secure.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <utility>

#include <climits>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace cipherfit {
namespace {

void check(bool ok, const char* what) {
    require(ok, ErrorCode::internal, "OpenSSL could not {}; check the system's crypto library",
            what);
}

// OpenSSL takes int lengths: larger requests go in pieces of this size.
constexpr std::size_t piece = std::size_t{1} << 26U;

template <class F>
void in_pieces(std::span<std::uint8_t> out, F&& f) {
    while (!out.empty()) {
        const std::size_t count = std::min(out.size(), piece);
        f(out.first(count));
        out = out.subspan(count);
    }
}

EVP_MD_CTX* digest(void* context) {
    return static_cast<EVP_MD_CTX*>(context);
}

EVP_CIPHER_CTX* cipher(void* context) {
    return static_cast<EVP_CIPHER_CTX*>(context);
}

}  // namespace

void random_bytes(std::span<std::uint8_t> out) {
    in_pieces(out, [](std::span<std::uint8_t> part) {
        check(RAND_bytes(part.data(), static_cast<int>(part.size())) == 1, "draw random bytes");
    });
}

void random_secret_bytes(std::span<std::uint8_t> out) {
    in_pieces(out, [](std::span<std::uint8_t> part) {
        check(RAND_priv_bytes(part.data(), static_cast<int>(part.size())) == 1,
              "draw secret random bytes");
    });
}

Seed random_seed() {
    Seed seed{};
    random_bytes(seed);
    return seed;
}

Digest sha256(std::span<const std::uint8_t> bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

void secure_wipe(void* data, std::size_t bytes) noexcept {
    OPENSSL_cleanse(data, bytes);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    check(context_ != nullptr && EVP_DigestInit_ex(digest(context_), EVP_sha256(), nullptr) == 1,
          "start SHA-256");
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(digest(context_));
}

Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

void Sha256::update(std::span<const std::uint8_t> bytes) {
    check(EVP_DigestUpdate(digest(context_), bytes.data(), bytes.size()) == 1, "update SHA-256");
}

Digest Sha256::finish() {
    Digest result{};
    check(EVP_DigestFinal_ex(digest(context_), result.data(), nullptr) == 1 &&
              EVP_DigestInit_ex(digest(context_), EVP_sha256(), nullptr) == 1,
          "finish SHA-256");
    return result;
}

KeyStream::KeyStream(const Seed& seed, std::uint64_t stream) : context_(EVP_CIPHER_CTX_new()) {
    // Counter block: the stream number in the first 8 bytes, the block counter in the last 8.
    std::array<std::uint8_t, 16> iv{};
    for (std::size_t i = 0; i < 8; ++i) {
        iv[i] = static_cast<std::uint8_t>(stream >> (8U * i));
    }
    check(context_ != nullptr && EVP_EncryptInit_ex(cipher(context_), EVP_aes_256_ctr(), nullptr,
                                                    seed.data(), iv.data()) == 1,
          "start AES-256-CTR");
}

KeyStream::~KeyStream() {
    EVP_CIPHER_CTX_free(cipher(context_));  // clears the key schedule
}

KeyStream::KeyStream(KeyStream&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

KeyStream& KeyStream::operator=(KeyStream&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

void KeyStream::fill(std::span<std::uint8_t> out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    in_pieces(out, [this](std::span<std::uint8_t> part) {
        int written = 0;
        check(EVP_EncryptUpdate(cipher(context_), part.data(), &written, part.data(),
                                static_cast<int>(part.size())) == 1,
              "expand a seed");
    });
}

}  // namespace cipherfit
