#include "cipherfit/io/npy.h"

#include "io/test_files.h"

#include <bit>
#include <cmath>
#include <limits>

#include <rapidcheck.h>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;
using testing::FileTest;

class NpyFileTest : public FileTest {};

// A file as NumPy writes it, of format version 1 or 2.
std::string npy(const std::string& descr, const std::string& order, const std::string& shape,
                const std::string& data, int version = 1) {
    std::string text =
        fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, order, shape);
    std::string result = "\x93NUMPY";
    result += static_cast<char>(version);
    result += '\0';
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
        result += static_cast<char>(text.size() >> (8 * i));
    }
    return result + text + data;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
    return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

Expected<RowMatrix> matrix(const std::string& file) {
    MemorySource source(bytes_of(file), "x.npy");
    return read_npy_matrix(source);
}

Expected<std::vector<std::int64_t>> integers(const std::string& file) {
    MemorySource source(bytes_of(file), "y.npy");
    return read_npy_integers(source);
}

template <class T>
void expect_type(const std::string& descr) {
    RowMatrix expected(2, 3);
    expected << 1, 2, 3, 4, 5, 6;
    const auto c = raw<T>({T(1), T(2), T(3), T(4), T(5), T(6)});
    const auto fortran = raw<T>({T(1), T(4), T(2), T(5), T(3), T(6)});
    for (const int version : {1, 2}) {
        EXPECT_EQ(value_or_throw(matrix(npy(descr, "False", "(2, 3)", c, version))), expected);
        EXPECT_EQ(value_or_throw(matrix(npy(descr, "True", "(2, 3)", fortran, version))), expected);
    }
    EXPECT_EQ(value_or_throw(integers(npy(descr, "False", "(6,)", c))),
              (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(value_or_throw(integers(npy(descr, "True", "(6, 1)", c))),
              (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(value_or_throw(matrix(npy(descr, "False", "(6,)", c))).rows(), 6);
}

TEST(NpyTest, EveryTypeOrderAndVersion) {
    expect_type<float>("<f4");
    expect_type<double>("<f8");
    expect_type<std::int8_t>("|i1");
    expect_type<std::int16_t>("<i2");
    expect_type<std::int32_t>("<i4");
    expect_type<std::int64_t>("<i8");
    expect_type<std::uint8_t>("|u1");
    expect_type<std::uint16_t>("<u2");
    expect_type<std::uint32_t>("<u4");
    expect_type<std::uint64_t>("<u8");
    EXPECT_EQ(value_or_throw(integers(npy("|b1", "False", "(2,)", raw<std::uint8_t>({1, 0})))),
              (std::vector<std::int64_t>{1, 0}));
}

TEST(NpyTest, SignsAndLimits) {
    EXPECT_EQ(value_or_throw(integers(npy("|i1", "False", "(1,)", raw<std::int8_t>({-128}))))[0],
              -128);
    EXPECT_EQ(value_or_throw(matrix(npy("|u1", "False", "(1,)", raw<std::uint8_t>({255}))))(0, 0),
              255);
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(value_or_throw(integers(npy("<i8", "False", "(1,)", raw({least}))))[0], least);
    EXPECT_TRUE(fails_with(
        integers(npy("<u8", "False", "(2,)", raw<std::uint64_t>({1, std::uint64_t{1} << 63U}))),
        ErrorCode::bad_input, "y.npy: row 2, column 1: the value is no integer of 64 bits"));
    for (const double bad : {0.5, 9007199254740992.0, std::nan(""), HUGE_VAL}) {
        EXPECT_FALSE(integers(npy("<f8", "False", "(1,)", raw({bad})))) << bad;
    }
    EXPECT_EQ(value_or_throw(integers(npy("<f4", "False", "(1,)", raw({-3.0F}))))[0], -3);
}

TEST(NpyTest, ValuesThatAreNotFiniteAreNamed) {
    const auto data = raw({1.0, 2.0, 3.0, 4.0, -HUGE_VAL, 6.0});
    EXPECT_TRUE(fails_with(matrix(npy("<f8", "False", "(2, 3)", data)), ErrorCode::bad_input,
                           "x.npy: row 2, column 2: the value is not finite"));
    EXPECT_TRUE(fails_with(matrix(npy("<f8", "True", "(2, 3)", data)), ErrorCode::bad_input,
                           "x.npy: row 1, column 3: the value is not finite"));
}

TEST(NpyTest, BadFilesAreRefused) {
    const auto bad = [](const std::string& file, const std::string& words) {
        EXPECT_TRUE(fails_with(matrix(file), ErrorCode::bad_input, words));
    };
    const auto data = raw({1.0, 2.0});
    bad("", "not a .npy file");
    bad("1,2,3\n", "not a .npy file");
    bad(npy("<f8", "False", "(2,)", data, 3), "version 3.0 is not supported");
    bad(npy("|O", "False", "(2,)", data), "Python objects (type '|O')");
    bad(npy("<c16", "False", "(1,)", data), "type '<c16'");
    bad(npy("<U4", "False", "(1,)", data), "type '<U4'");
    bad(npy("|f8", "False", "(2,)", data), "type '|f8'");
    bad(npy("<f8", "False", "()", raw({1.0})), "has 0 dimensions");
    bad(npy("<f8", "False", "(1, 2, 1)", data), "has 3 dimensions");
    bad(npy("<f8", "False", "(3,)", data), "3 rows of 1 columns take 3 items of 8 bytes, but 16");
    bad(npy("<f8", "False", "(1,)", data), "1 rows of 1 columns");
    bad(npy("<f8", "False", "(2,)", data + "x"), "but 17 bytes");
    bad(npy("<f8", "Maybe", "(2,)", data), "header is damaged");
    bad(npy("<f8", "False", "(-2,)", data), "header is damaged");
    bad(npy("<f8", "False", "(2", data), "header is damaged");
    bad(npy("<f8", "False", "(2,), 'shape': (2,)", data), "header is damaged");
    bad(npy("<f8', 'more': 'x", "False", "(2,)", data), "header is damaged");
    bad(npy("<f8", "False", "(2,)} garbage", data), "header is damaged");
    // Sizes whose product wraps to the size of the data.
    bad(npy("<f8", "False", "(4294967296, 4294967296)", ""), "too many");
    bad(npy("<f8", "False", "(2147483647, 2147483647)", ""), "but 0 bytes");
    bad(npy("<f8", "False", "(99999999999999999999999,)", data), "header is damaged");
    std::string structured = "\x93NUMPY";
    const std::string text = "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }";
    structured += '\x01';
    structured += '\0';
    structured += static_cast<char>(text.size());
    structured += '\0';
    bad(structured + text + data, "type 'a structure'");
    EXPECT_TRUE(fails_with(integers(npy("<f8", "False", "(1, 2)", data)), ErrorCode::bad_input,
                           "y.npy: has 2 columns"));
}

TEST(NpyTest, EveryTruncationIsRefused) {
    const std::string good = npy("<f8", "False", "(1, 2)", raw({1.0, 2.0}));
    ASSERT_TRUE(matrix(good));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(matrix(good.substr(0, size))) << size;
    }
}

TEST_F(NpyFileTest, WhatIsWrittenIsReadAndLaidOutAsNumPyDoesIt) {
    RowMatrix values(2, 3);
    values << 1, -2, 0.1, 1e300, 5e-324, 0;
    ASSERT_TRUE(write_npy(path("m.npy"), values));
    EXPECT_EQ(value_or_throw(read_npy_matrix(path("m.npy"))), values);
    const std::string bytes = get("m.npy");
    EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
    EXPECT_EQ(bytes.size(), 128 + 6 * 8U);
    EXPECT_EQ(bytes[127], '\n');

    const std::vector<std::int64_t> labels{3, -1, std::numeric_limits<std::int64_t>::max()};
    ASSERT_TRUE(write_npy(path("l.npy"), labels));
    EXPECT_EQ(value_or_throw(read_npy_integers(path("l.npy"))), labels);

    const std::vector<double> vector{0.5, 2};
    ASSERT_TRUE(write_npy(path("v.npy"), vector));
    EXPECT_EQ(value_or_throw(read_npy_matrix(path("v.npy"))),
              (RowMatrix(2, 1) << 0.5, 2).finished());

    RowMatrixI64 whole(2, 2);
    whole << 1, 2, 3, -4;
    ASSERT_TRUE(write_npy(path("w.npy"), whole));
    EXPECT_EQ(value_or_throw(read_npy_matrix(path("w.npy"))), whole.cast<double>());
    ASSERT_TRUE(write_npy(path("e.npy"), RowMatrix(0, 4)));
    EXPECT_EQ(value_or_throw(read_npy_matrix(path("e.npy"))).cols(), 4);
}

TEST_F(NpyFileTest, AnyMatrixComesBack) {
    rc::check([&](std::uint8_t rows, std::uint8_t columns) {
        const RowMatrix values = RowMatrix::Random(rows, columns);
        testing::must(write_npy(path("r.npy"), values));
        RC_ASSERT(value_or_throw(read_npy_matrix(path("r.npy"))) == values);
    });
}

TEST_F(NpyFileTest, MoreThanOnePieceIsRead) {
    // Pieces have 2^16 items.
    RowMatrix values(400, 401);
    for (Eigen::Index i = 0; i < values.size(); ++i) {
        values.data()[i] = static_cast<double>(i);
    }
    ASSERT_TRUE(write_npy(path("r.npy"), values));
    EXPECT_EQ(value_or_throw(read_npy_matrix(path("r.npy"))), values);
}

TEST(NpyTest, HalfPrecisionAndBigEndianNumbersAreRead) {
    // 1, -2, 65504, the smallest of all, 0.333 (0x3555), and -0.
    const auto half = raw<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555, 0x8000});
    RowMatrix expected(6, 1);
    expected << 1, -2, 65504, std::ldexp(1.0, -24), 0.333251953125, 0;
    EXPECT_EQ(value_or_throw(matrix(npy("<f2", "False", "(6,)", half))), expected);
    EXPECT_TRUE(fails_with(matrix(npy("<f2", "False", "(1,)", raw<std::uint16_t>({0x7c00}))),
                           ErrorCode::bad_input, "not finite"));
    const std::string one_and_half("\x3f\xf8\0\0\0\0\0\0", 8);
    EXPECT_EQ(value_or_throw(matrix(npy(">f8", "False", "(1,)", one_and_half)))(0, 0), 1.5);
    EXPECT_EQ(
        value_or_throw(matrix(npy(">f4", "False", "(1,)", std::string("\xbf\x80\0\0", 4))))(0, 0),
        -1.0);
    EXPECT_EQ(value_or_throw(integers(
                  npy(">i4", "False", "(2,)", std::string("\0\0\1\2\xff\xff\xff\xfe", 8)))),
              (std::vector<std::int64_t>{258, -2}));
}

TEST(NpyTest, MissingValuesPassWhereTheyAreAllowed) {
    const std::string bytes =
        npy("<f8", "False", "(2,)", raw<double>({1.0, std::numeric_limits<double>::quiet_NaN()}));
    MemorySource source(bytes_of(bytes), "x.npy");
    EXPECT_TRUE(fails_with(read_npy_matrix(source), ErrorCode::bad_input, "row 2"));
    EXPECT_TRUE(std::isnan(value_or_throw(read_npy_matrix(source, true))(1, 0)));
}

Expected<NpyLabels> npy_labels(const std::string& bytes) {
    MemorySource source(bytes_of(bytes), "y.npy");
    return read_npy_labels(source);
}

TEST(NpyTest, LabelsMayBeTextOrBooleans) {
    using Strings = std::vector<std::string>;
    const auto check = [](const std::string& bytes, const std::vector<int>& labels,
                          const Strings& classes) {
        const NpyLabels read = value_or_throw(npy_labels(bytes));
        EXPECT_EQ(read.labels, labels);
        EXPECT_EQ(read.classes, classes);
    };
    // numpy.array(["b", "\u00e9\U0001f600", "b"]) and its bytes; in both byte orders.
    const auto text = raw<std::uint32_t>({'b', 0, 0xe9, 0x1f600, 'b', 0});
    check(npy("<U2", "False", "(3,)", text), {0, 1, 0}, {"b", "\xc3\xa9\xf0\x9f\x98\x80"});
    check(npy(">U1", "False", "(2,)", std::string("\0\0\0b\0\0\0a", 8)), {1, 0}, {"a", "b"});
    check(npy("|S2", "False", "(3, 1)", std::string("no\x59\0no", 6)), {1, 0, 1}, {"Y", "no"});
    check(npy("|b1", "False", "(3,)", std::string("\1\0\1", 3)), {1, 0, 1}, {"False", "True"});
    check(npy("<i8", "False", "(3,)", raw<std::int64_t>({10, 9, 10})), {1, 0, 1}, {"9", "10"});
    check(npy("|u1", "False", "(2, 3)", std::string("\0\0\1\1\0\0", 6)), {1, 0}, {"0", "2"});
    EXPECT_TRUE(fails_with(npy_labels(npy("<U1", "False", "(2,)", raw<std::uint32_t>({'a', 0}))),
                           ErrorCode::bad_input, "row 2: the label '' is empty"));
    EXPECT_TRUE(
        fails_with(npy_labels(npy("<U1", "False", "(1,)", raw<std::uint32_t>({0xffffffff}))),
                   ErrorCode::bad_input, "no text"));
    EXPECT_TRUE(fails_with(npy_labels(npy("<U1", "False", "(1,)", raw<std::uint32_t>({0x1b}))),
                           ErrorCode::bad_input, "no text"));
    EXPECT_TRUE(fails_with(npy_labels(npy("|S1", "False", "(1, 2)", "ab")), ErrorCode::bad_input,
                           "2 columns of text"));
    for (const char* type : {"<U0", "<U-1", "<U", "<U99999999999", "<Ux", "|Sx"}) {
        EXPECT_TRUE(fails_with(npy_labels(npy(type, "False", "(1,)", "abcd")), ErrorCode::bad_input,
                               "type"))
            << type;
    }
}

}  // namespace
}  // namespace cipherfit
