#include "cipherfit/io/csv.h"

#include "io/test_files.h"

#include <rapidcheck.h>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;

Expected<LabelledRows> parse(const std::string& text) {
    MemorySource source(bytes_of(text), "x.csv");
    return read_csv(source);
}

void expect_two_rows(const std::string& text) {
    const auto rows = parse(text);
    ASSERT_TRUE(rows) << rows.error().message << " in " << text;
    EXPECT_EQ(rows->labels, (std::vector<std::int64_t>{5, -1})) << text;
    RowMatrix expected(2, 2);
    expected << 1, -2.5, 0.001, 4;
    EXPECT_EQ(rows->features, expected) << text;
}

TEST(CsvTest, TheUsualFormsOfOneTable) {
    expect_two_rows("5,1,-2.5\n-1,1e-3,4\n");
    expect_two_rows("5,1,-2.5\n-1,1e-3,4");
    expect_two_rows("5,1,-2.5\r\n-1,1e-3,4\r\n");
    expect_two_rows("5,1,-2.5\n-1,1e-3,4\n\n\r\n  \n");
    expect_two_rows(" 5.0 ,\t+1, -2.5\n-1.000e+00,.001,4.\n");
    expect_two_rows(
        "\xef\xbb\xbf"
        "5,1,-2.5\n-1,1e-3,4\n");
}

TEST(CsvTest, RowsWithoutLabels) {
    const auto unlabelled = [](const std::string& text) {
        MemorySource source(bytes_of(text), "x.csv");
        return read_csv_unlabelled(source);
    };
    RowMatrix expected(2, 3);
    expected << 0.5, 1, -2.5, -1, 0.001, 4;
    for (const char* text : {"0.5,1,-2.5\n-1,1e-3,4\n", "a,b,c\n0.5,1,-2.5\n-1,1e-3,4"}) {
        EXPECT_EQ(value_or_throw(unlabelled(text)), expected) << text;
    }
    expected.resize(3, 1);
    expected << 1, 2.5, 3;
    EXPECT_EQ(value_or_throw(unlabelled("1\n2.5\n3\n")), expected);
    EXPECT_TRUE(fails_with(unlabelled(""), ErrorCode::bad_input, "no rows"));
    EXPECT_TRUE(fails_with(unlabelled("a,b\n"), ErrorCode::bad_input, "no rows"));
    EXPECT_TRUE(fails_with(unlabelled("1,2\n3\n"), ErrorCode::bad_input, "row 2 has 1 columns"));
    EXPECT_TRUE(fails_with(unlabelled("1,2\n3,x\n"), ErrorCode::bad_input, "row 2, column 2"));
}

TEST(CsvTest, HeadersAreRecognised) {
    expect_two_rows("label,width,height\n5,1,-2.5\n-1,1e-3,4\n");
    expect_two_rows("\"label\",\"a\",\"b\"\r\n5,1,-2.5\r\n-1,1e-3,4\r\n");
    expect_two_rows("label,0,1\n5,1,-2.5\n-1,1e-3,4\n");
    expect_two_rows("class,1,2\n5,1,-2.5\n-1,1e-3,4\n");
    expect_two_rows(",x,y\n5,1,-2.5\n-1,1e-3,4\n");
}

TEST(CsvTest, ABadFirstRowIsNoHeader) {
    EXPECT_TRUE(fails_with(parse("cat,0.5,2\n1,2,3\n"), ErrorCode::bad_input,
                           "x.csv: row 1, column 1: 'cat' is no number"));
    EXPECT_TRUE(fails_with(parse("nan,a,b\n1,2,3\n"), ErrorCode::bad_input,
                           "row 1, column 1: 'nan' is not finite"));
    EXPECT_TRUE(fails_with(parse("1,a,b\n1,2,3\n"), ErrorCode::bad_input,
                           "row 1, column 2: 'a' is no number"));
}

TEST(CsvTest, EveryErrorNamesItsPlace) {
    const auto bad = [](const std::string& text, const std::string& words) {
        EXPECT_TRUE(fails_with(parse(text), ErrorCode::bad_input, "x.csv: " + words)) << text;
    };
    bad("", "has no rows");
    bad("\n\n", "has no rows");
    bad("label,a,b\n", "has no rows");
    bad("1\n2\n", "row 1 has no comma");
    bad("1;2;3\n", "row 1 has no comma");
    bad("1,2,3\n1,2\n", "row 2 has 2 columns where the first row has 3");
    bad("1,2,3\n1,2,3,4\n", "row 2 has 4 columns where the first row has 3");
    bad("a,b\n1,2,3\n", "row 2 has 3 columns where the first row has 2");
    bad("1,2,3\n\n1,2,3\n", "row 2 is empty");
    bad("1,2,3\n1,,3\n", "row 2, column 2: '' is empty");
    bad("1,2,3\n1,2,\n", "row 2, column 3: '' is empty");
    bad("1,2,3\n1,x,3\n", "row 2, column 2: 'x' is no number");
    bad("1,2,3\n1,0x10,3\n", "row 2, column 2: '0x10' is no number");
    bad("1,2,3\n1,2 2,3\n", "row 2, column 2: '2 2' is no number");
    bad("1,2,3\n1,+-2,3\n", "row 2, column 2: '+-2' is no number");
    bad("1,2,3\n1,\"2\",3\n", "row 2, column 2: '\"2\"' is no number");
    bad("1,2,3\n1,nan,3\n", "row 2, column 2: 'nan' is not finite");
    bad("1,2,3\n1,2,-inf\n", "row 2, column 3: '-inf' is not finite");
    bad("1,2,3\n1,2,1e999\n", "row 2, column 3: '1e999' is beyond");
    bad("1,2,3\n1.5,2,3\n", "row 2, column 1: the label '1.5' is no integer class");
    bad("1,2,3\n1e300,2,3\n", "row 2, column 1: the label '1e300' is no integer class");
    bad("1,2,3\n9007199254740992,2,3\n", "row 2, column 1: the label");
    bad("1,2\r1,2\r", "row 1, column 2: '2?1' is no number");
    bad(std::string("1,2\n1,\0\n", 8), "row 2, column 2: '?' is no number");
    bad("1,2\n1," + std::string(100, 'z') + "\n",
        "row 2, column 2: '" + std::string(24, 'z') + "...' is no number");
}

// A first row of many columns before many short rows must not reserve rows * columns numbers.
TEST(CsvTest, MemoryIsBoundedByTheFile) {
    std::string text = "1";
    for (int i = 0; i < 1000000; ++i) {
        text += ",1";
    }
    for (int i = 0; i < 1000000; ++i) {
        text += "\n1";
    }
    EXPECT_TRUE(fails_with(parse(text), ErrorCode::bad_input, "row 2 has 1 columns"));
}

TEST(CsvTest, LinesLongerThanABufferAndAcrossBuffersAreRead) {
    // Rows of about 0.6 MB against pieces of 2^18 bytes.
    std::string text;
    constexpr int columns = 100000;
    for (int row = 0; row < 3; ++row) {
        text += std::to_string(row);
        for (int i = 0; i < columns; ++i) {
            text += fmt::format(",{}", (row + 1) * 0.5 + i);
        }
        text += "\r\n";
    }
    const auto rows = parse(text);
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->features.rows(), 3);
    ASSERT_EQ(rows->features.cols(), columns);
    for (int row = 0; row < 3; ++row) {
        for (int i = 0; i < columns; ++i) {
            ASSERT_EQ(rows->features(row, i), (row + 1) * 0.5 + i);
        }
    }
}

TEST(CsvTest, EveryDoubleComesBackBitForBit) {
    rc::check([](std::int32_t label, const std::vector<double>& values) {
        RC_PRE(!values.empty());
        std::string text = std::to_string(label);
        for (const double value : values) {
            text += fmt::format(",{:.17g}", value);
        }
        const auto rows = value_or_throw(parse(text + "\n" + text));
        RC_ASSERT(rows.labels == (std::vector<std::int64_t>{label, label}));
        for (std::size_t i = 0; i < values.size(); ++i) {
            RC_ASSERT(rows.features(1, static_cast<Eigen::Index>(i)) == values[i]);
        }
    });
}

}  // namespace
}  // namespace cipherfit
