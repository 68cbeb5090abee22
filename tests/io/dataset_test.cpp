#include "cipherfit/io/dataset.h"

#include "cipherfit/io/idx.h"
#include "cipherfit/io/npy.h"
#include "io/test_files.h"

#include <cmath>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;
using testing::FileTest;

class DatasetTest : public FileTest {};

std::string idx(std::initializer_list<std::uint32_t> shape, const std::string& data) {
    std::string result{'\0', '\0', '\x08', static_cast<char>(shape.size())};
    for (const std::uint32_t size : shape) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            result += static_cast<char>(size >> shift);
        }
    }
    return result + data;
}

Expected<IdxImages> images(const std::string& bytes) {
    MemorySource source(bytes_of(bytes), "i");
    return read_idx_images(source);
}

Expected<std::vector<std::uint8_t>> labels(const std::string& bytes) {
    MemorySource source(bytes_of(bytes), "l");
    return read_idx_labels(source);
}

TEST(IdxTest, ImagesAndLabelsAreRead) {
    const auto two = images(idx({2, 1, 3}, "abcdef"));
    ASSERT_TRUE(two);
    EXPECT_EQ(two->count, 2U);
    EXPECT_EQ(two->rows, 1U);
    EXPECT_EQ(two->columns, 3U);
    EXPECT_EQ(two->pixels, (std::vector<std::uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
    EXPECT_EQ(value_or_throw(labels(idx({3}, "\x01\x02\xff"))),
              (std::vector<std::uint8_t>{1, 2, 255}));
}

TEST(IdxTest, BadFilesAreRefused) {
    const auto bad = [](const std::string& bytes, const std::string& words) {
        EXPECT_TRUE(fails_with(images(bytes), ErrorCode::bad_input, words));
    };
    bad("", "not an IDX file of images");
    bad("\x1f\x8b and more", "is compressed; gunzip it first");
    bad(idx({3}, "abc"), "not an IDX file of images");
    bad(std::string("\0\0\x0d\x03", 4) + std::string(12, '\1'), "not an IDX file");  // floats
    bad(idx({2, 1, 3}, "abcde"), "announces 6 bytes of images where 5 are there");
    bad(idx({2, 1, 3}, "abcdefg"), "announces 6 bytes of images where 7 are there");
    bad(idx({0xffffffff, 0xffffffff, 0xffffffff}, "abc"), "over 2^64");
    bad(idx({0, 0xffffffff, 0xffffffff}, ""), "has no images");
    bad(idx({0x80000000, 0x80000000, 4}, ""), "over 2^64");  // the product wraps to zero
    EXPECT_TRUE(
        fails_with(labels(idx({2, 1, 1}, "ab")), ErrorCode::bad_input, "IDX file of labels"));
    const std::string good = idx({2, 1, 3}, "abcdef");
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(images(good.substr(0, size)));
    }
}

TEST_F(DatasetTest, ClassesAreTheDistinctLabelsInNumericOrder) {
    const auto data = read_dataset(put("d.csv", "10,1,2\n-3,3,4\n9,5,6\n10,7,8\n"));
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->class_names, (std::vector<std::string>{"-3", "9", "10"}));
    EXPECT_EQ(data->labels, (std::vector<int>{2, 0, 1, 2}));
    EXPECT_EQ(data->size(), 4U);
    EXPECT_EQ(data->feature_count(), 2U);
    EXPECT_EQ(data->class_count(), 3U);
    EXPECT_EQ(data->features(3, 1), 8);
    EXPECT_TRUE(check_trainable(*data));
}

TEST_F(DatasetTest, NpyWithLabelsBesideOrNamed) {
    const RowMatrix x = (RowMatrix(2, 2) << 1, 2, 3, 4).finished();
    const std::vector<std::int64_t> y{7, 3};
    ASSERT_TRUE(write_npy(path("X_train.npy"), x));
    EXPECT_TRUE(fails_with(read_dataset(path("X_train.npy")), ErrorCode::bad_input,
                           "has no labels (y_train.npy is not there)"));
    ASSERT_TRUE(write_npy(path("y_train.npy"), y));
    const auto beside = read_dataset(path("X_train.npy"));
    ASSERT_TRUE(beside) << beside.error().message;
    EXPECT_EQ(beside->labels, (std::vector<int>{1, 0}));
    EXPECT_EQ(beside->features, x);
    ASSERT_TRUE(write_npy(path("other.npy"), x));
    EXPECT_TRUE(fails_with(read_dataset(path("other.npy")), ErrorCode::bad_input,
                           "other.npy: has no labels; name the file"));
    EXPECT_TRUE(read_dataset(path("other.npy"), path("y_train.npy")));
    ASSERT_TRUE(write_npy(path("y3.npy"), std::vector<std::int64_t>{1, 2, 3}));
    EXPECT_TRUE(fails_with(read_dataset(path("other.npy"), path("y3.npy")), ErrorCode::bad_input,
                           "has 2 rows, but there are 3 labels"));
    ASSERT_TRUE(write_npy(path("X.npy"), RowMatrix(0, 2)));
    ASSERT_TRUE(write_npy(path("y.npy"), std::vector<std::int64_t>{}));
    EXPECT_TRUE(fails_with(read_dataset(path("X.npy")), ErrorCode::bad_input, "0 rows"));
}

TEST_F(DatasetTest, IdxPairs) {
    put("train-images-idx3-ubyte", idx({2, 1, 2}, std::string("\0\x01\xff\x80", 4)));
    put("train-labels-idx1-ubyte", idx({2}, "\x05\x02"));
    const auto data = read_dataset(path("train-images-idx3-ubyte"));
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->features, (RowMatrix(2, 2) << 0, 1, 255, 128).finished());
    EXPECT_EQ(data->class_names, (std::vector<std::string>{"2", "5"}));
    EXPECT_TRUE(read_dataset(path("train-images-idx3-ubyte"), path("train-labels-idx1-ubyte")));
    EXPECT_TRUE(
        fails_with(read_dataset(path("train-labels-idx1-ubyte"), path("train-labels-idx1-ubyte")),
                   ErrorCode::bad_input, "not an IDX file of images"));
}

TEST_F(DatasetTest, OtherFilesAreRefusedInWords) {
    EXPECT_TRUE(fails_with(read_dataset(put("a", "\x1f\x8b...")), ErrorCode::bad_input, "gunzip"));
    EXPECT_TRUE(fails_with(read_dataset(put("b", "PK\x03\x04...")), ErrorCode::bad_input, ".npz"));
    EXPECT_TRUE(fails_with(read_dataset(put("c", std::string("\x7f"
                                                             "ELF\0\0",
                                                             6))),
                           ErrorCode::bad_input, "neither CSV nor .npy"));
    EXPECT_TRUE(fails_with(read_dataset(path("none")), ErrorCode::io_failure, "No such file"));
    put("d.csv", "1,2\n");
    EXPECT_TRUE(fails_with(read_dataset(path("d.csv"), path("y.npy")), ErrorCode::bad_input,
                           "in the first column"));
}

TEST_F(DatasetTest, RowsAreTakenWithTheClassesOfTheWhole) {
    const auto data = value_or_throw(read_dataset(put("d.csv", "0,7\n1,2\n2,3\n2,4\n")));
    const auto part = take_rows(data, 1, 3);
    ASSERT_TRUE(part);
    EXPECT_EQ(part->features, (RowMatrix(2, 1) << 2, 3).finished());
    EXPECT_EQ(part->labels, (std::vector<int>{1, 2}));
    EXPECT_EQ(part->class_names, data.class_names);
    EXPECT_TRUE(fails_with(take_rows(data, 2, 5), ErrorCode::bad_input, "rows 2 to 5"));
    EXPECT_FALSE(take_rows(data, 2, 2));
    EXPECT_FALSE(take_rows(data, 3, 2));
    // One class is left though three have names.
    EXPECT_TRUE(fails_with(check_trainable(value_or_throw(take_rows(data, 2, 4))),
                           ErrorCode::bad_input, "all 2 rows are of the class 2"));
}

TEST_F(DatasetTest, WhatCannotBeTrainedOnIsRefused) {
    const auto good = value_or_throw(read_dataset(put("d.csv", "0,5\n1,2\n")));
    EXPECT_TRUE(check_trainable(good));  // as many classes as samples
    auto more_classes = good;
    more_classes.class_names.emplace_back("2");
    EXPECT_TRUE(fails_with(check_trainable(more_classes), ErrorCode::bad_input,
                           "2 rows are fewer than the 3 classes"));
    auto bad = good;
    bad.labels[1] = 2;
    EXPECT_TRUE(fails_with(check_trainable(bad), ErrorCode::bad_input, "row 2: the class index 2"));
    bad = good;
    bad.labels[0] = -1;
    EXPECT_FALSE(check_trainable(bad));
    bad = good;
    bad.labels.pop_back();
    EXPECT_TRUE(fails_with(check_trainable(bad), ErrorCode::bad_input, "with 1 labels"));
    bad = good;
    bad.features(1, 0) = std::nan("");
    EXPECT_TRUE(
        fails_with(check_trainable(bad), ErrorCode::bad_input, "row 2, feature 1: is missing"));
    EXPECT_FALSE(check_trainable(Dataset{}));
    EXPECT_TRUE(fails_with(
        make_dataset("m", RowMatrix::Constant(1, 2, HUGE_VAL), std::vector<std::int64_t>{1}),
        ErrorCode::bad_input, "m: row 1, feature 1: the value is not finite"));
}

TEST_F(DatasetTest, TestLabelsBecomeIndicesOfTheTrainedClasses) {
    const auto test = value_or_throw(read_dataset(put("d.csv", "7,1\n2,2\n7,3\n")));
    const std::vector<std::string> trained{"2", "5", "7"};
    EXPECT_EQ(value_or_throw(map_labels(test, trained)), (std::vector<int>{2, 0, 2}));
    EXPECT_EQ(value_or_throw(map_labels(test, std::vector<std::string>{"7", "8"}, true)),
              (std::vector<int>{0, -1, 0}));
    const std::vector<std::string> fewer{"5", "7"};
    EXPECT_TRUE(fails_with(map_labels(test, fewer), ErrorCode::bad_input,
                           "row 2: the label 2 is not among the 2 classes that the model was "
                           "trained with (5, 7)"));
}

// A pandas index in the first column, or names of rows.
TEST_F(DatasetTest, LabelsThatNearlyNeverRepeatAreNoClasses) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
        text += fmt::format("{},{}.5\n", i, i);
    }
    const auto numbered = value_or_throw(read_dataset(put("d.csv", text)));
    EXPECT_TRUE(fails_with(check_trainable(numbered), ErrorCode::bad_input,
                           "40 rows have 40 different labels"));
    // Of a part of the rows what is there counts, not the classes of the whole.
    EXPECT_TRUE(check_trainable(value_or_throw(take_rows(numbered, 0, 40))).has_value() == false);
    auto repeated = numbered;
    for (int& label : repeated.labels) {
        label /= 2;
    }
    repeated.class_names.resize(20);
    EXPECT_TRUE(check_trainable(repeated));
}

TEST_F(DatasetTest, AHeldOutShareKeepsTheClassesShares) {
    std::vector<int> labels(50, 0);
    labels.resize(80, 1);
    labels.resize(83, 2);
    labels.push_back(3);
    const auto rows = held_out_rows(labels, 0.2, 7);
    std::vector<int> counts(4);
    for (const std::size_t row : rows) {
        ++counts[static_cast<std::size_t>(labels[row])];
    }
    EXPECT_EQ(counts, (std::vector<int>{10, 6, 1, 0}));
    EXPECT_TRUE(std::ranges::is_sorted(rows));
    EXPECT_EQ(rows, held_out_rows(labels, 0.2, 7));
    EXPECT_NE(rows, held_out_rows(labels, 0.2, 8));
    EXPECT_EQ(held_out_rows(std::vector<int>{0, 0, 1, 1}, 0.99, 1).size(), 2U);  // one stays
}

TEST_F(DatasetTest, SelectedRowsKeepNamesAndColumns) {
    const auto data = value_or_throw(read_dataset(put("d.csv", "kind,w\na,1\nb,2\na,3\n")));
    const auto part = select_rows(data, std::vector<std::size_t>{2, 1});
    EXPECT_EQ(part.features, (RowMatrix(2, 1) << 3, 2).finished());
    EXPECT_EQ(part.labels, (std::vector<int>{0, 1}));
    EXPECT_EQ(part.class_names, data.class_names);
    EXPECT_EQ(part.table, data.table);
}

TEST_F(DatasetTest, OptionsOfTablesAreForCsv) {
    ASSERT_TRUE(write_npy(path("X.npy"), RowMatrix(RowMatrix::Ones(2, 2))));
    ASSERT_TRUE(write_npy(path("y.npy"), std::vector<std::int64_t>{0, 1}));
    TableOptions options;
    options.label = "kind";
    EXPECT_TRUE(fails_with(read_dataset(path("X.npy"), {}, options), ErrorCode::bad_input,
                           "is no CSV file: leave out"));
    EXPECT_TRUE(read_dataset(path("X.npy")));
}

TEST_F(DatasetTest, MissingValuesOfNpyAreFilledOnRequest) {
    RowMatrix x(3, 2);
    x << 1, 2, std::nan(""), 4, 5, 6;
    ASSERT_TRUE(write_npy(path("X.npy"), x));
    ASSERT_TRUE(write_npy(path("y.npy"), std::vector<std::int64_t>{0, 1, 1}));
    EXPECT_TRUE(fails_with(read_dataset(path("X.npy")), ErrorCode::bad_input, "row 2, column 1"));
    TableOptions options;
    options.impute = Impute::median;
    auto raw = value_or_throw(read_dataset(path("X.npy"), {}, options));
    EXPECT_TRUE(std::isnan(raw.features(1, 0)));
    const auto encoded = value_or_throw(encode_training("X", raw, Impute::median));
    EXPECT_EQ(encoded.features(1, 0), 3);
    const auto later = value_or_throw(read_unlabelled(path("X.npy"), {}, &encoded.table));
    EXPECT_EQ(value_or_throw(encode("X", later, encoded.table)).features, encoded.features);
}

}  // namespace
}  // namespace cipherfit
