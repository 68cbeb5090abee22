// The layouts in which other projects keep their data.
#include "cipherfit/io/cifar.h"
#include "cipherfit/io/dataset.h"
#include "cipherfit/io/npy.h"
#include "io/test_files.h"

#include <numeric>

namespace cipherfit {
namespace {

using namespace cipherfit::testing;

class PeersTest : public FileTest {
  protected:
    // n x 2 features that say which file they are of.
    void put_features(const std::string& name, double value, Eigen::Index rows) const {
        must(write_npy(path(name), RowMatrix(RowMatrix::Constant(rows, 2, value))));
    }
    void put_labels(const std::string& name, const std::vector<std::int64_t>& labels) const {
        must(write_npy(path(name), std::span<const std::int64_t>(labels)));
    }
    Dataset of_folder(DatasetPart part) const {
        return value_or_throw(read_dataset(value_or_throw(dataset_file(directory_, part))));
    }
};

TEST_F(PeersTest, HetalsLayout) {
    for (const auto* part : {"train", "val", "test"}) {
        const double value = part[1] == 'r' ? 1 : part[1] == 'a' ? 2 : 3;
        put_features(fmt::format("features_{}.npy", part), value, 3);
        put_labels(fmt::format("labels_{}.npy", part), {0, 1, 2});
    }
    EXPECT_EQ(of_folder(DatasetPart::train).features(0, 0), 1);
    EXPECT_EQ(of_folder(DatasetPart::test).features(0, 0), 3);
    EXPECT_EQ(value_or_throw(read_dataset(path("features_val.npy"))).features(0, 0), 2);
}

TEST_F(PeersTest, ScikitLearnsNames) {
    put_features("X.npy", 5, 2);
    put_labels("y.npy", {4, 8});
    EXPECT_EQ(of_folder(DatasetPart::train).class_names, (std::vector<std::string>{"4", "8"}));
    EXPECT_EQ(of_folder(DatasetPart::test).features(1, 1), 5);
    put_features("X_test.npy", 6, 1);
    put_labels("y_test.npy", {4});
    EXPECT_EQ(of_folder(DatasetPart::test).features(0, 0), 6);
}

TEST_F(PeersTest, AFolderWithoutData) {
    EXPECT_TRUE(fails_with(dataset_file(directory_, DatasetPart::train), ErrorCode::bad_input,
                           "features_train.npy"));
}

TEST_F(PeersTest, OneHotLabels) {
    put_features("X.npy", 5, 3);
    RowMatrix rows = RowMatrix::Zero(3, 4);
    rows(0, 3) = rows(1, 0) = rows(2, 3) = 1;
    must(write_npy(path("y.npy"), rows));
    const Dataset data = of_folder(DatasetPart::train);
    EXPECT_EQ(data.labels, (std::vector<int>{1, 0, 1}));
    EXPECT_EQ(data.class_names, (std::vector<std::string>{"0", "3"}));
    rows(1, 1) = 1;
    must(write_npy(path("y.npy"), rows));
    EXPECT_TRUE(fails_with(read_dataset(path("X.npy")), ErrorCode::bad_input, "row 2"));
}

TEST_F(PeersTest, ClassNamesBesideLabels) {
    put_features("features.npy", 5, 3);
    put_labels("labels.npy", {2, 0, 2});
    put("class_names.json", R"(["ant", "bee", "cat"])");
    EXPECT_EQ(of_folder(DatasetPart::train).class_names, (std::vector<std::string>{"ant", "cat"}));
    for (const auto* text : {"[1, 2, 3]", "{", R"(["a", "b"])", R"(["a", "a", "b"])"}) {
        put("class_names.json", text);
        EXPECT_TRUE(fails_with(read_dataset(path("features.npy")), ErrorCode::bad_input,
                               "class_names.json"))
            << text;
    }
    put("class_names.json", R"(["ant", "bee", "cat"])");
    put_labels("labels.npy", {-1, 0, 2});
    EXPECT_FALSE(read_dataset(path("features.npy")));
}

TEST_F(PeersTest, SingleFloatsAreReadAsTheyWereWritten) {
    RowMatrixF32 values(2, 3);
    std::iota(values.data(), values.data() + values.size(), 0.25F);
    must(write_npy(path("f.npy"), values));
    EXPECT_EQ(value_or_throw(read_npy_matrix(path("f.npy"))), values.cast<double>());
}

TEST_F(PeersTest, Cifar10) {
    std::string file;
    for (const char label : {'\7', '\2'}) {
        file += label;
        for (std::size_t i = 0; i < Cifar10::pixels_per_image; ++i) {
            file += static_cast<char>((i + static_cast<std::size_t>(label)) % 251);
        }
    }
    const Cifar10 images = value_or_throw(read_cifar10(put("batch.bin", file)));
    EXPECT_EQ(images.labels, (std::vector<std::uint8_t>{7, 2}));
    EXPECT_EQ(images.pixels[Cifar10::pixels_per_image + 10], 12);
    const Dataset data = value_or_throw(read_dataset(path("batch.bin")));
    EXPECT_EQ(data.class_names, (std::vector<std::string>{"2", "7"}));
    EXPECT_EQ(data.features(0, 300), 307 % 251);
    EXPECT_TRUE(fails_with(read_dataset(path("batch.bin"), path("labels.npy")),
                           ErrorCode::bad_input, "leave out"));
    EXPECT_TRUE(fails_with(read_cifar10(put("short.bin", file.substr(1))), ErrorCode::bad_input,
                           "6145 bytes"));
    file[Cifar10::pixels_per_image + 1] = 10;
    EXPECT_TRUE(fails_with(read_cifar10(put("label.bin", file)), ErrorCode::bad_input,
                           "record 2 has the label 10"));
}

}  // namespace
}  // namespace cipherfit
