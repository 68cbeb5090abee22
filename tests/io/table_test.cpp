#include "cipherfit/io/table.h"

#include "cipherfit/io/csv.h"
#include "io/test_files.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;
using Strings = std::vector<std::string>;

const std::string training =
    "kind,colour,width,height\n"
    "a,red,1,10\n"
    "b,blue,NA,20\n"
    "a,red,3,30\n"
    "b,,8,40\n"
    "a,green,5,50\n";

Expected<CsvTable> parsed_table(const std::string& text, const TableOptions& options,
                                const TableEncoding* model = nullptr) {
    MemorySource source(bytes_of(text), "x.csv");
    return read_csv(source, options, model);
}

struct Trained {
    CsvTable table;
    TableEncoding encoding;
    RowMatrix features;
};

Trained train(const std::string& text, Impute impute) {
    TableOptions options;
    options.one_hot = true;
    options.impute = impute;
    Trained result;
    result.table = value_or_throw(parsed_table(text, options));
    result.encoding =
        value_or_throw(fit_encoding("x.csv", result.table.values, result.table.table, impute));
    result.features = value_or_throw(encode_table("x.csv", result.table.values, result.table.table,
                                                  result.encoding))
                          .features;
    return result;
}

EncodedRows encode(const std::string& text, const TableEncoding& model) {
    const CsvTable table = value_or_throw(parsed_table(text, {}, &model));
    return value_or_throw(encode_table("x.csv", table.values, table.table, model));
}

TEST(TableTest, TextBecomesColumnsAndMissingValuesAreFilled) {
    const Trained median = train(training, Impute::median);
    EXPECT_EQ(median.encoding.feature_names(),
              (Strings{"colour=blue", "colour=green", "colour=red", "width", "height"}));
    RowMatrix expected(5, 5);
    // The missing colour is the most frequent one, the missing width the median of 1, 3, 5, 8.
    expected << 0, 0, 1, 1, 10,  //
        1, 0, 0, 4, 20,          //
        0, 0, 1, 3, 30,          //
        0, 0, 1, 8, 40,          //
        0, 1, 0, 5, 50;
    EXPECT_EQ(median.features, expected);
    EXPECT_EQ(train(training, Impute::mean).features(1, 3), (1 + 3 + 8 + 5) / 4.0);
}

TEST(TableTest, WithoutARequestTextAndMissingValuesAreRefused) {
    TableOptions options;
    EXPECT_TRUE(fails_with(parsed_table(training, options), ErrorCode::bad_input,
                           "row 2, column 2 ('colour'): 'red' is no number"));
    options.one_hot = true;
    EXPECT_TRUE(fails_with(parsed_table(training, options), ErrorCode::bad_input,
                           "row 3, column 3 ('width'): 'NA' is missing"));
    options.one_hot = false;
    options.impute = Impute::median;
    EXPECT_TRUE(
        fails_with(parsed_table(training, options), ErrorCode::bad_input, "'red' is no number"));
}

TEST(TableTest, LaterRowsAreReorderedAndTheirUnknownTextIsCounted) {
    const TableEncoding model = train(training, Impute::median).encoding;
    const EncodedRows rows = encode(
        "height,kind,width,colour\n"
        "11,a,,violet\n"
        "12,b,2,blue\n"
        "13,b,2,\n",
        model);
    RowMatrix expected(3, 5);
    expected << 0, 0, 0, 4, 11,  //
        1, 0, 0, 2, 12,          //
        0, 0, 1, 2, 13;
    EXPECT_EQ(rows.features, expected);
    EXPECT_EQ(rows.unknown, (std::vector<std::size_t>{1, 0, 0}));
    // By place, where there is no header.
    EXPECT_EQ(encode("a,red,1,10\nb,blue,2,20\n", model).features.row(1),
              expected.row(1) + (RowMatrix(1, 5) << 0, 0, 0, 0, 8).finished());
}

TEST(TableTest, LaterRowsOfOtherColumnsAreRefused) {
    const TableEncoding model = train(training, Impute::median).encoding;
    const auto bad = [&](const std::string& text, const std::string& words) {
        EXPECT_TRUE(fails_with(parsed_table(text, {}, &model), ErrorCode::bad_input, words))
            << text;
    };
    bad("kind,colour,width\na,red,1\n", "has no column 'height', which the model was trained on");
    bad("kind,colour,width,height,id\na,red,1,2,7\n", "column 5 ('id') is none of the columns");
    bad("colour,width,height\nred,1,2\n", "has no column 'kind', where the labels");
    bad("a,red,1\n", "has 2 features, the model was trained on 3");
    bad("kind,colour,width,height\na,red,x,2\n", "row 2, column 3 ('width'): 'x' is no number");
    TableOptions drop;
    drop.drop = {"id"};
    EXPECT_TRUE(parsed_table("kind,colour,width,height,id\na,red,1,2,7\n", drop, &model));
    const std::string labelled = "kind,height,colour,width\na,1,red,2\n";
    MemorySource source(bytes_of(labelled), "x.csv");
    EXPECT_EQ(value_or_throw(read_csv_unlabelled(source, {}, &model)).values,
              (RowMatrix(1, 3) << 2, 2, 1).finished());  // the label is known and left out
    const TableEncoding unfilled =
        train("kind,colour,w\na,red,1\nb,blue,2\nb,red,1\n", Impute::none).encoding;
    TableOptions named;
    named.header = TableHeader::present;
    EXPECT_TRUE(fails_with(parsed_table("kind,colour,w\na,red,\n", named, &unfilled),
                           ErrorCode::bad_input, "row 2, column 3 ('w'): '' is missing"));
}

TEST(TableTest, CodesAreCategoriesOnRequest) {
    TableOptions options;
    options.categorical = {"code"};
    const CsvTable table = value_or_throw(parsed_table("c,code,w\n1,7,2\n2,8,3\n1,7,4\n", options));
    const TableEncoding model =
        value_or_throw(fit_encoding("x", table.values, table.table, Impute::none));
    EXPECT_EQ(model.feature_names(), (Strings{"code=7", "code=8", "w"}));
    const EncodedRows later = encode("c,code,w\n1,8,2\n1,9,2\n", model);
    EXPECT_EQ(later.features, (RowMatrix(2, 3) << 0, 1, 2, 0, 0, 2).finished());
    EXPECT_EQ(later.unknown[0], 1U);
}

TEST(TableTest, NamesOfRowsAreNoCategories) {
    std::string text = "c,name,w\n";
    for (int i = 0; i < 30; ++i) {
        text += fmt::format("{},n{},{}\n", i % 2, i, i);
    }
    TableOptions options;
    options.one_hot = true;
    const CsvTable table = value_or_throw(parsed_table(text, options));
    EXPECT_TRUE(fails_with(fit_encoding("x.csv", table.values, table.table, Impute::none),
                           ErrorCode::bad_input,
                           "column 'name' has 30 different texts in 30 rows"));
    options.impute = Impute::mean;
    const CsvTable empty = value_or_throw(parsed_table("c,v,w\n1,,2\n2,,3\n", options));
    EXPECT_TRUE(fails_with(fit_encoding("x.csv", empty.values, empty.table, Impute::mean),
                           ErrorCode::bad_input, "column 'v' has no value"));
}

TEST(TableTest, JsonKeepsEncodingsAndRefusesOthers) {
    const TableEncoding model = train(training, Impute::mean).encoding;
    const nlohmann::json json = to_json(model);
    EXPECT_EQ(value_or_throw(table_encoding_from_json(json)), model);
    const auto bad = [&](const char* pointer, const nlohmann::json& value) {
        nlohmann::json changed = json;
        changed[nlohmann::json::json_pointer(pointer)] = value;
        EXPECT_TRUE(fails_with(table_encoding_from_json(changed), ErrorCode::corrupt_data, "table"))
            << pointer;
    };
    bad("/columns", -3);
    bad("/columns", 1e300);
    bad("/columns", std::uint64_t{1} << 31U);
    TableEncoding plain;
    plain.columns.resize(5);
    EXPECT_EQ(to_json(plain)["columns"], 5);
    EXPECT_EQ(value_or_throw(table_encoding_from_json(to_json(plain))), plain);
    bad("/columns/0/name", nullptr);
    bad("/columns/0/name", "width");
    bad("/columns/0/name", "");
    bad("/columns/0/categories", {"b", "a"});
    bad("/columns/0/categories", {"a", "a"});
    bad("/columns/0/fill", 3);
    bad("/columns/0/fill", 0.5);
    bad("/columns/0/fill", -1);
    bad("/label_column", -1);
    bad("/dropped", "x");
    TableOptions options;
    options.label = "y";
    options.drop = {"a", "2"};
    options.delimiter = ';';
    options.header = TableHeader::absent;
    options.impute = Impute::median;
    const TableOptions again = value_or_throw(table_options_from_json(to_json(options)));
    EXPECT_EQ(to_json(again), to_json(options));
    EXPECT_EQ(again.header, TableHeader::absent);
    EXPECT_EQ(again.impute, Impute::median);
    EXPECT_FALSE(table_options_from_json({{"label", 3}}));
}

}  // namespace
}  // namespace cipherfit
