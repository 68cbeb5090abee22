#include "cipherfit/io/csv.h"

#include "io/test_files.h"

#include <rapidcheck.h>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;

Expected<CsvTable> parse(const std::string& text, const TableOptions& options = {}) {
    MemorySource source(bytes_of(text), "x.csv");
    return read_csv(source, options);
}

// The name of every row's class.
std::vector<std::string> labels_of(const CsvTable& table) {
    std::vector<std::string> names;
    for (const int label : table.labels) {
        names.push_back(table.classes.at(static_cast<std::size_t>(label)));
    }
    return names;
}

using Strings = std::vector<std::string>;

void expect_two_rows(const std::string& text) {
    const auto rows = parse(text);
    ASSERT_TRUE(rows) << rows.error().message << " in " << text;
    EXPECT_EQ(labels_of(*rows), (Strings{"5", "-1"})) << text;
    EXPECT_EQ(rows->classes, (Strings{"-1", "5"})) << text;
    RowMatrix expected(2, 2);
    expected << 1, -2.5, 0.001, 4;
    EXPECT_EQ(rows->values, expected) << text;
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
    expect_two_rows("5;1;-2.5\n-1;1e-3;4\n");
    expect_two_rows("5\t1\t-2.5\r\n-1\t1e-3\t4\r\n");
    expect_two_rows("\"5\",\"1\",\"-2.5\"\n\"-1\" , \"1e-3\",\"4\"\n");
}

TEST(CsvTest, RowsWithoutLabels) {
    const auto unlabelled = [](const std::string& text) {
        MemorySource source(bytes_of(text), "x.csv");
        auto table = read_csv_unlabelled(source);
        return table ? Expected<RowMatrix>(std::move(table->values))
                     : Expected<RowMatrix>(tl::unexpected<ErrorInfo>(table.error()));
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
    expect_two_rows("label,,y\n5,1,-2.5\n-1,1e-3,4\n");
}

// DataFrame(...).to_csv(index=False) without names of columns.
TEST(CsvTest, NumbersOfTheColumnsAreAHeader) {
    EXPECT_EQ(value_or_throw(parse("0,1,2\n5,1,-2.5\n-1,1e-3,4\n")).values.rows(), 2);
    EXPECT_EQ(value_or_throw(parse("0,1,2,3,4\n1,2,3,4,5\n2,3,4,5,6\n")).values.rows(), 2);
    EXPECT_EQ(value_or_throw(parse("\"0\",\"1\",\"2\"\n5,1,3\n")).values.rows(), 1);
    EXPECT_EQ(value_or_throw(parse("0,1\n1,2.5\n0,1.5\n")).values.rows(), 2);
    // Either way is plausible: the user says which it is.
    for (const char* text : {"0,1\n1,2\n", "1,2,3,4\n5,6,7,8\n", "a,b\nc,d\n", "a,1,2\nb,1,2\n"}) {
        EXPECT_TRUE(fails_with(parse(text), ErrorCode::bad_input, "say whether it is a header"))
            << text;
    }
    TableOptions options;
    options.header = TableHeader::absent;
    EXPECT_EQ(value_or_throw(parse("0,1,2\n5,1,3\n", options)).values.rows(), 2);
    EXPECT_EQ(labels_of(value_or_throw(parse("a,1,2\nb,1,2\n", options))), (Strings{"a", "b"}));
    options.header = TableHeader::present;
    EXPECT_EQ(value_or_throw(parse("7,8\n5,1\n", options)).values.rows(), 1);
    // Rows like any others.
    EXPECT_EQ(value_or_throw(parse("1,2,3\n1,5,3\n")).values.rows(), 2);
    EXPECT_EQ(value_or_throw(parse("0,1,3\n1,5,3\n")).values.rows(), 2);
    EXPECT_EQ(value_or_throw(parse("0,1.0,2.0\n1,5,3\n")).values.rows(), 2);
}

TEST(CsvTest, ABadFirstRowIsNoHeader) {
    EXPECT_TRUE(fails_with(parse("cat,0.5,2\n1,2,3\n"), ErrorCode::bad_input,
                           "x.csv: row 2, column 1: the label '1' is a whole number where row 1 "
                           "has text"));
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
    bad("1\n2\n", "row 1 has one column");
    bad("1,2,3\n1,2\n", "row 2 has 2 columns where the first row has 3");
    bad("1,2,3\n1,2,3,4\n", "row 2 has 4 columns where the first row has 3");
    bad("a,b\n1,2,3\n", "row 2 has 3 columns where the first row has 2");
    bad("1,2,3\n\n1,2,3\n", "row 2 is empty");
    bad("\n1,2,3\n", "row 1 is empty");
    bad("1,2,3\n1,,3\n", "row 2, column 2: '' is missing; fill missing values");
    bad("1,2,3\n1,2,\n", "row 2, column 3: '' is missing");
    bad("1,2,3\n1,2,NA\n", "row 2, column 3: 'NA' is missing");
    bad("c,w,h\n1,2,?\n", "row 2, column 3 ('h'): '?' is missing");
    bad("c,w,h\n,2,3\n", "row 2, column 1 ('c'): the label '' is missing");
    bad("1,2,3\n1,x,3\n", "row 2, column 2: 'x' is no number");
    bad("1,2,3\n1,0x10,3\n", "row 2, column 2: '0x10' is no number");
    bad("1,2,3\n1,2 2,3\n", "row 2, column 2: '2 2' is no number");
    bad("1,2,3\n1,+-2,3\n", "row 2, column 2: '+-2' is no number");
    bad("1,2,3\n1,red,3\n",
        "row 2, column 2: 'red' is no number; correct it, or, if the column holds text, encode it, "
        "leave it out");
    bad("1,2,3\n1,\"2\"0,3\n", "row 2: something stands behind a closing quote");
    bad("1,2,3\n1,\"2,3\n4,5,6\n", "row 2: a quote opens that nothing closes");
    bad("1,2,3\n1,nan,3\n", "row 2, column 2: 'nan' is missing");
    bad("1,2,3\n\"a\x1b[31m\",3,4\n", "row 2, column 1: the label 'a?[31m' is no text");
    bad("a\xff,2.5,3\nb,3,4\n", "row 1, column 1: the label 'a?' is no text in UTF-8");
    bad("c,w,w\n1,2,3\n", "columns 2 and 3 are both called 'w'");
    bad("1;2,5;3,5\n2;1,5;4,5\n", "row 1, column 2: '2,5' is no number");
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

TEST(CsvTest, LabelsAreWholeNumbersOrText) {
    const auto labels = [](const std::string& text) {
        const CsvTable table = value_or_throw(parse(text));
        return std::pair(labels_of(table), table.classes);
    };
    EXPECT_EQ(
        labels("setosa,1.5\nvirginica,2\nsetosa,3\n"),
        std::pair(Strings({"setosa", "virginica", "setosa"}), Strings({"setosa", "virginica"})));
    EXPECT_EQ(labels("True,1.5\nFalse,2\n"),
              std::pair(Strings({"True", "False"}), Strings({"False", "True"})));
    EXPECT_EQ(labels("10,1\n9,2\n9.0,3\n"),
              std::pair(Strings({"10", "9", "9"}), Strings({"9", "10"})));
    EXPECT_EQ(labels("\"a, \"\"b\"\"\",1.5\n\"NA\",2\n"),
              std::pair(Strings({"a, \"b\"", "NA"}), Strings({"NA", "a, \"b\""})));
    EXPECT_EQ(labels("\xc3\xa9t\xc3\xa9,1.5\nhiver,2\n").second,
              (Strings{"hiver", "\xc3\xa9t\xc3\xa9"}));
}

TEST(CsvTest, QuotedFieldsMayHoldDelimitersAndLineEnds) {
    TableOptions options;
    options.one_hot = true;
    const CsvTable table = value_or_throw(
        parse("\"the class\",\"w, cm\",note\n1,2.5,\"x;\"\n2,3,\"x;\"\n3,4,plain\n", options));
    EXPECT_EQ(table.table.columns[0].name, "w, cm");
    EXPECT_EQ(table.table.columns[1].categories, (Strings{"plain", "x;"}));
    EXPECT_TRUE(fails_with(parse("c,w,note\n1,2.5,\"two\nlines\"\n", options), ErrorCode::bad_input,
                           "row 2, column 3 ('note'): 'two?lines' is no text"));
    options.drop = {"note"};
    const CsvTable without =
        value_or_throw(parse("c,w,note\r\n1,2.5,\"two\r\nlines\"\r\n2,x3,\"\"\r\n", options));
    EXPECT_EQ(without.values.rows(), 2);
    options.one_hot = false;
    EXPECT_TRUE(fails_with(parse("c,w,note\n1,2.5,\"two\nlines\"\n2,x3,\"\"\n", options),
                           ErrorCode::bad_input, "row 4, column 2 ('w'): 'x3' is no number"));
}

TEST(CsvTest, TheLabelIsNamedOrNumbered) {
    const std::string text = "w,h,kind\n1,2.5,a\n3,4,b\n";
    TableOptions options;
    RowMatrix expected(2, 2);
    expected << 1, 2.5, 3, 4;
    for (const char* label : {"kind", "3", "last"}) {
        options.label = label;
        const CsvTable table = value_or_throw(parse(text, options));
        EXPECT_EQ(table.values, expected);
        EXPECT_EQ(table.classes, (Strings{"a", "b"}));
        EXPECT_EQ(table.table.label, "kind");
        EXPECT_EQ(table.table.label_place, 3U);
    }
    for (const char* label : {"0", "4", "Kind", "-1"}) {
        options.label = label;
        EXPECT_TRUE(fails_with(parse(text, options), ErrorCode::bad_input, label)) << label;
    }
    options = {};
    options.drop = {"h", "1"};
    options.label = "kind";
    EXPECT_TRUE(fails_with(parse(text, options), ErrorCode::bad_input, "no features"));
    options.drop = {"kind"};
    EXPECT_TRUE(fails_with(parse(text, options), ErrorCode::bad_input, "is the label's"));
}

// What the first column is must not be guessed against the header.
TEST(CsvTest, AnIndexOrAnotherLabelColumnIsAskedAbout) {
    EXPECT_TRUE(fails_with(parse("w,h,target\n1,2.5,0\n3,4,1\n"), ErrorCode::bad_input,
                           "name the label's column, 'target' or 1"));
    EXPECT_TRUE(
        fails_with(parse("w,h,Class\n1,2.5,0\n3,4,1\n"), ErrorCode::bad_input, "'Class' or 1"));
    for (const char* first : {"", "Unnamed: 0", "index"}) {
        EXPECT_TRUE(fails_with(parse(std::string(first) + ",w,h\n0,2.5,0\n1,4,1\n"),
                               ErrorCode::bad_input, "index of the rows"))
            << first;
    }
    // As a feature an index would tell the order of the rows.
    TableOptions options;
    options.label = "kind";
    EXPECT_TRUE(fails_with(parse(",w,kind\n0,2.5,a\n1,4,b\n2,5,a\n", options), ErrorCode::bad_input,
                           "leave out the index"));
    options.drop = {"1"};
    EXPECT_EQ(value_or_throw(parse(",w,kind\n0,2.5,a\n1,4,b\n", options)).values.cols(), 1);
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
    ASSERT_EQ(rows->values.rows(), 3);
    ASSERT_EQ(rows->values.cols(), columns);
    for (int row = 0; row < 3; ++row) {
        for (int i = 0; i < columns; ++i) {
            ASSERT_EQ(rows->values(row, i), (row + 1) * 0.5 + i);
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
        TableOptions options;
        options.header = TableHeader::absent;
        const auto rows = value_or_throw(parse(text + "\n" + text, options));
        RC_ASSERT(labels_of(rows) == Strings(2, std::to_string(label)));
        for (std::size_t i = 0; i < values.size(); ++i) {
            RC_ASSERT(rows.values(1, static_cast<Eigen::Index>(i)) == values[i]);
        }
    });
}

}  // namespace
}  // namespace cipherfit
