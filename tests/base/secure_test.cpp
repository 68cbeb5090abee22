#include "cipherfit/base/secure.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace cipherfit {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

// FIPS 180-4's examples, published with their digests by NIST.
TEST(Sha256, PublishedVectors) {
    EXPECT_EQ(to_hex(sha256(bytes_of("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(to_hex(sha256({})),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, PiecesGiveTheSameAndTheObjectStartsAfresh) {
    const auto text = bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
    Sha256 hash;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        hash.update(std::span(text).first(cut));
        hash.update(std::span(text).subspan(cut));
        EXPECT_EQ(hash.finish(), sha256(text));
    }
    hash.update(text);
    Sha256 moved = std::move(hash);
    EXPECT_EQ(moved.finish(), sha256(text));
}

TEST(Hex, IsLowerCaseAndPadded) {
    EXPECT_EQ(to_hex(std::vector<std::uint8_t>{0, 1, 0xab, 0xff}), "0001abff");
    EXPECT_EQ(to_hex({}), "");
}

// One block of AES-256, the oracle of the key stream.
std::vector<std::uint8_t> encrypt_block(const Seed& key, std::array<std::uint8_t, 16> block) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
        EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    EVP_EncryptInit_ex(context.get(), EVP_aes_256_ecb(), nullptr, key.data(), nullptr);
    EVP_CIPHER_CTX_set_padding(context.get(), 0);
    std::vector<std::uint8_t> out(16);
    int written = 0;
    EVP_EncryptUpdate(context.get(), out.data(), &written, block.data(), 16);
    return out;
}

Seed counting_seed() {
    Seed seed{};
    for (std::size_t i = 0; i < seed.size(); ++i) {
        seed[i] = static_cast<std::uint8_t>(i);
    }
    return seed;
}

std::vector<std::uint8_t> stream_bytes(const Seed& seed, std::uint64_t stream, std::size_t count) {
    std::vector<std::uint8_t> out(count, 0x55);
    KeyStream(seed, stream).fill(out);
    return out;
}

TEST(KeyStream, IsAesOfStreamAndBlockNumber) {
    const Seed seed = counting_seed();
    // FIPS 197, C.3, fixes the oracle itself.
    const std::array<std::uint8_t, 16> plain{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                             0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    EXPECT_EQ(to_hex(encrypt_block(seed, plain)), "8ea2b7ca516745bfeafc49904b496089");
    for (const std::uint64_t stream : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32U,
                                       std::uint64_t{0x0123456789abcdef}, ~std::uint64_t{0}}) {
        const auto bytes = stream_bytes(seed, stream, 16 * 300);
        for (std::size_t block = 0; block < 300; ++block) {
            std::array<std::uint8_t, 16> counter{};
            for (std::size_t i = 0; i < 8; ++i) {
                counter[i] = static_cast<std::uint8_t>(stream >> (8 * i));
                counter[15 - i] = static_cast<std::uint8_t>(std::uint64_t{block} >> (8 * i));
            }
            const auto expected = encrypt_block(seed, counter);
            ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                                   bytes.begin() + static_cast<std::ptrdiff_t>(16 * block)))
                << stream << " block " << block;
        }
    }
}

TEST(KeyStream, PiecesGiveTheSameStream) {
    const auto whole = stream_bytes(counting_seed(), 5, 1000);
    std::vector<std::uint8_t> pieces(1000);
    KeyStream stream(counting_seed(), 5);
    std::size_t at = 0;
    for (const std::size_t size : {1U, 15U, 16U, 17U, 0U, 400U, 551U}) {
        stream.fill(std::span(pieces).subspan(at, size));
        at += size;
        KeyStream moved = std::move(stream);
        stream = std::move(moved);
    }
    ASSERT_EQ(at, 1000U);
    EXPECT_EQ(pieces, whole);
}

TEST(KeyStream, SeedsAndStreamsDiffer) {
    Seed other = counting_seed();
    other[31] ^= 1U;
    const auto base = stream_bytes(counting_seed(), 0, 64);
    EXPECT_EQ(stream_bytes(counting_seed(), 0, 64), base);
    EXPECT_NE(stream_bytes(other, 0, 64), base);
    EXPECT_NE(stream_bytes(counting_seed(), 1, 64), base);
    EXPECT_NE(stream_bytes(counting_seed(), std::uint64_t{1} << 63U, 64), base);
}

TEST(RandomBytes, FillEverythingAndNeverRepeat) {
    std::vector<std::uint8_t> a(4096, 0);
    std::vector<std::uint8_t> b(4096, 0);
    random_bytes(a);
    random_bytes(b);
    EXPECT_NE(a, b);
    random_secret_bytes(b);
    EXPECT_NE(a, b);
    // Nothing was left out: 16 zero bytes at either end have probability 2^-128 each.
    const std::vector<std::uint8_t> zeros(16, 0);
    for (const auto& bytes : {a, b}) {
        EXPECT_FALSE(std::equal(zeros.begin(), zeros.end(), bytes.begin()));
        EXPECT_FALSE(std::equal(zeros.begin(), zeros.end(), bytes.end() - 16));
    }
    random_bytes({});
    EXPECT_NE(random_seed(), random_seed());
}

TEST(SecureWipe, OverwritesExactlyTheBytes) {
    std::vector<std::uint8_t> bytes(10, 7);
    secure_wipe(bytes.data() + 2, 5);
    EXPECT_EQ(bytes, (std::vector<std::uint8_t>{7, 7, 0, 0, 0, 0, 0, 7, 7, 7}));
}

}  // namespace
}  // namespace cipherfit
