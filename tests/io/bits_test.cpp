#include "cipherfit/io/bits.h"

#include "io/test_files.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

using testing::fails_with;

std::vector<std::uint64_t> random_words(std::size_t count, unsigned width, unsigned seed) {
    std::mt19937_64 random(seed);
    std::vector<std::uint64_t> words(count);
    for (auto& word : words) {
        word = random() >> (64 - width);
    }
    return words;
}

// The definition, bit by bit.
std::vector<std::uint8_t> pack_naively(const std::vector<std::uint64_t>& words, unsigned width) {
    std::vector<std::uint8_t> out((words.size() * width + 7) / 8);
    for (std::size_t i = 0; i < words.size(); ++i) {
        for (unsigned b = 0; b < width; ++b) {
            const std::size_t k = i * width + b;
            out[k / 8] |= static_cast<std::uint8_t>((words[i] >> b & 1U) << (k % 8));
        }
    }
    return out;
}

TEST(BitsTest, PacksByTheDefinitionAndComesBackForEveryWidthAndCount) {
    for (unsigned width = 1; width <= 64; ++width) {
        // Every phase of the 64-bit accumulator occurs within 64 words.
        for (std::size_t count = 0; count <= 130; ++count) {
            const auto words = random_words(count, width, width * 1000 + 7);
            const auto expected = pack_naively(words, width);
            ASSERT_EQ(packed_bytes(count, width), expected.size());
            std::vector<std::uint8_t> packed(expected.size(), 0xff);
            pack_bits(words, width, packed);
            ASSERT_EQ(packed, expected) << width << " bits, " << count << " words";
            std::vector<std::uint64_t> back(count, 1);
            ASSERT_TRUE(unpack_bits(packed, width, back)) << width << " bits, " << count;
            ASSERT_EQ(back, words) << width << " bits, " << count << " words";
        }
    }
}

TEST(BitsTest, TheExampleOfTheReferencePage) {
    std::vector<std::uint8_t> packed(2);
    pack_bits(std::vector<std::uint64_t>{1, 2, 31}, 5, packed);
    EXPECT_EQ(packed, (std::vector<std::uint8_t>{0x41, 0x7c}));
}

TEST(BitsTest, TheLargestWordsOfEveryWidthComeBack) {
    for (unsigned width = 1; width <= 64; ++width) {
        const std::vector<std::uint64_t> words(67, ~std::uint64_t{0} >> (64 - width));
        std::vector<std::uint8_t> packed(packed_bytes(words.size(), width));
        pack_bits(words, width, packed);
        std::vector<std::uint64_t> back(words.size());
        ASSERT_TRUE(unpack_bits(packed, width, back));
        ASSERT_EQ(back, words);
    }
}

TEST(BitsTest, EveryFillingBitThatIsSetIsRefused) {
    for (unsigned width = 1; width <= 64; ++width) {
        for (std::size_t count = 1; count <= 17; ++count) {
            const auto words = random_words(count, width, width);
            std::vector<std::uint8_t> packed(packed_bytes(count, width));
            pack_bits(words, width, packed);
            for (std::size_t k = count * width; k < packed.size() * 8; ++k) {
                auto damaged = packed;
                damaged[k / 8] |= static_cast<std::uint8_t>(1U << (k % 8));
                std::vector<std::uint64_t> back(count);
                ASSERT_TRUE(fails_with(unpack_bits(damaged, width, back), ErrorCode::corrupt_data,
                                       "not zero"));
            }
        }
    }
}

TEST(BitsTest, MisuseThrows) {
    std::vector<std::uint8_t> bytes(6);
    std::vector<std::uint64_t> words(1);
    EXPECT_THROW(pack_bits(words, 40, bytes), Error);  // 5 bytes are right
    EXPECT_THROW((void)unpack_bits(bytes, 40, words), Error);
    EXPECT_THROW((void)packed_bytes(1, 0), Error);
    EXPECT_THROW((void)packed_bytes(1, 65), Error);
    EXPECT_THROW((void)packed_bytes(~std::size_t{0}, 64), Error);
    EXPECT_EQ(packed_bytes(std::size_t{1} << 57U, 64), std::size_t{1} << 60U);
    words[0] = std::uint64_t{1} << 40U;
    EXPECT_THROW(pack_bits(words, 40, std::span(bytes).first(5)), Error);
}

}  // namespace
}  // namespace cipherfit
