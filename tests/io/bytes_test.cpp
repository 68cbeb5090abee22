#include "cipherfit/io/bytes.h"

#include "io/test_files.h"

#include <bit>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace cipherfit {
namespace {

using testing::fails_with;

TEST(BytesTest, TheLayoutIsLittleEndian) {
    ByteWriter out;
    out.u8(0x01);
    out.u32(0x02030405);
    out.u64(0x060708090a0b0c0dULL);
    out.f64(1.0);
    out.string("hi");
    const std::vector<std::uint8_t> expected{1, 5, 4, 3, 2, 0xd,  0xc,  0xb, 0xa, 9, 8, 7,   6,  0,
                                             0, 0, 0, 0, 0, 0xf0, 0x3f, 2,   0,   0, 0, 'h', 'i'};
    EXPECT_EQ(out.take(), expected);
}

TEST(BytesTest, EveryValueComesBack) {
    rc::check([](std::uint8_t a, std::uint32_t b, std::uint64_t c, double d, std::string e) {
        ByteWriter out;
        out.u8(a);
        out.string(e);
        out.u32(b);
        out.f64(d);
        out.u64(c);
        ByteReader in(out.view());
        RC_ASSERT(in.u8() == a);
        RC_ASSERT(in.string(e.size()) == e);
        RC_ASSERT(in.u32() == b);
        RC_ASSERT(std::bit_cast<std::uint64_t>(in.f64()) == std::bit_cast<std::uint64_t>(d));
        RC_ASSERT(in.u64() == c);
        RC_ASSERT(in.finish("x").has_value());
    });
}

TEST(BytesTest, NanKeepsItsBits) {
    ByteWriter out;
    out.f64(-std::numeric_limits<double>::signaling_NaN());
    ByteReader in(out.view());
    EXPECT_EQ(in.u64(),
              std::bit_cast<std::uint64_t>(-std::numeric_limits<double>::signaling_NaN()));
}

TEST(BytesTest, TheFirstFailureStaysAndEverythingAfterItIsZero) {
    const std::vector<std::uint8_t> data{1, 2, 3, 4, 5, 6};
    ByteReader in(data);
    EXPECT_EQ(in.u32(), 0x04030201U);
    EXPECT_EQ(in.u32(), 0U);
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.u8(), 0U);  // would fit, but the reader has failed
    EXPECT_EQ(in.string(10), "");
    EXPECT_TRUE(in.bytes(1).empty());
    in.fail("later");
    EXPECT_TRUE(fails_with(in.finish("file: HEAD"), ErrorCode::corrupt_data,
                           "file: HEAD: 4 bytes are needed and 2 are left at byte 4"));
}

TEST(BytesTest, LeftOverBytesAreRefused) {
    const std::vector<std::uint8_t> data(5);
    ByteReader in(data);
    (void)in.u32();
    EXPECT_TRUE(
        fails_with(in.finish("x"), ErrorCode::corrupt_data, "1 unexpected bytes at byte 4"));
}

TEST(BytesTest, StringsAndCountsAreBounded) {
    ByteWriter out;
    out.string("12345");
    ByteReader too_long(out.view());
    EXPECT_EQ(too_long.string(4), "");
    EXPECT_FALSE(too_long.ok());

    ByteWriter counted;
    counted.u64(3);
    counted.bytes(std::vector<std::uint8_t>(24));
    EXPECT_EQ(ByteReader(counted.view()).count(3, 8), 3U);
    EXPECT_EQ(ByteReader(counted.view()).count(2, 8), 0U);  // beyond the caller's bound
    EXPECT_EQ(ByteReader(counted.view()).count(9, 9), 0U);  // beyond the bytes there are

    ByteWriter huge;
    huge.u64(std::numeric_limits<std::uint64_t>::max());
    ByteReader in(huge.view());
    EXPECT_EQ(in.count(std::numeric_limits<std::uint64_t>::max(), 1), 0U);
    EXPECT_FALSE(in.ok());
    EXPECT_TRUE(ByteReader(huge.view()).bytes(std::numeric_limits<std::uint64_t>::max()).empty());
}

}  // namespace
}  // namespace cipherfit
