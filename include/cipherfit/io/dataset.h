// Labelled samples, whatever file they come from.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/matrix.h"
#include "cipherfit/io/table.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// n samples of d features and c classes.
struct Dataset {
    RowMatrix features;                    // n x d
    std::vector<int> labels;               // n indices into class_names
    std::vector<std::string> class_names;  // of the distinct labels, in ascending order of these
    // What the columns are. As readers give it, text columns hold indices and NaN is a missing
    // value; encode() makes features of them.
    TableEncoding table;

    std::size_t size() const noexcept { return labels.size(); }
    std::size_t feature_count() const noexcept { return static_cast<std::size_t>(features.cols()); }
    std::size_t class_count() const noexcept { return class_names.size(); }
};

// Reads by content: CSV (cipherfit/io/csv.h), .npy features with .npy labels
// (npy.h), IDX images with IDX labels (idx.h; the features are the grey values 0 to 255),
// CIFAR-10's binary version (cifar.h; the features are the 3072 values 0 to 255 of its records).
// Without `labels`, the labels of .npy and IDX features are looked for beside them, see
// labels_beside(). Labels in .npy are integers, booleans, strings, or rows with one 1 among zeros.
// The classes are called by the labels' decimal digits or text, or as class_names.json beside the
// labels says. At least one row and one feature, every feature finite, or NaN where missing values
// are allowed; otherwise bad_input. A CSV file takes no `labels`, other files no options of
// columns. `model`: what the columns must be; see read_csv().
Expected<Dataset> read_dataset(const std::filesystem::path& path,
                               const std::optional<std::filesystem::path>& labels = {},
                               const TableOptions& options = {},
                               const TableEncoding* model = nullptr);

// The features alone of a file of rows without labels: CSV of features only, .npy or IDX images.
// Every row has the label 0. Errors as read_dataset(); bad_input for CIFAR-10's records, which have
// labels.
Expected<Dataset> read_unlabelled(const std::filesystem::path& path,
                                  const TableOptions& options = {},
                                  const TableEncoding* model = nullptr);

// Fits the encoding on the rows and applies it, so that every feature is a finite number; see
// fit_encoding().
Expected<Dataset> encode_training(const std::string& file, Dataset dataset, Impute impute);

// The same with the encoding of the training rows. `unknown` gets encode_table()'s counts.
Expected<Dataset> encode(const std::string& file, Dataset dataset, const TableEncoding& model,
                         std::vector<std::size_t>* unknown = nullptr);

// The file of the labels of .npy or IDX features: X.npy has y.npy, X_test.npy y_test.npy,
// features_train.npy labels_train.npy, and train-images-idx3-ubyte train-labels-idx1-ubyte.
// bad_input where it is not there.
Expected<std::filesystem::path> labels_beside(const std::filesystem::path& features);

enum class DatasetPart { train, test };

// The features' file of a folder: features_train.npy and features_test.npy (the layout of HETAL),
// X_train.npy and X_test.npy, train_features.npy and test_features.npy, MNIST's IDX files, or else,
// for either part, features.npy and X.npy; the first that is there. A path that is no folder is
// returned as it is. bad_input where none is there.
Expected<std::filesystem::path> dataset_file(const std::filesystem::path& path, DatasetPart part);

// Calls the classes of labels 0, 1, ... by the names of a JSON list. bad_input for another file,
// for a label without a name, and for a name that occurs twice.
Expected<void> name_classes(Dataset& dataset, const std::filesystem::path& file);

// Builds a dataset from what readers give: as many labels as rows (bad_input otherwise).
// `file` opens the messages.
// The table has nameless numeric columns.
Expected<Dataset> make_dataset(const std::string& file, RowMatrix features,
                               std::span<const std::int64_t> labels);
// The same from labels that are indices into class names. NaN is let through where a value may be
// missing.
Expected<Dataset> make_dataset(const std::string& file, RowMatrix features, std::vector<int> labels,
                               std::vector<std::string> class_names, TableEncoding table,
                               bool allow_missing);

// Rows begin to end - 1, 0 <= begin < end <= size(), with the class names of the whole: the parts
// of one file agree on their classes. bad_input when there are not that many rows.
Expected<Dataset> take_rows(const Dataset& dataset, std::size_t begin, std::size_t end);

// The rows, in ascending order, that a stratified held-out share takes from labels 0, 1, ...: of
// every class the share, rounded, but at least one row and not the only one; which ones comes from
// the seed. 0 < share < 1.
std::vector<std::size_t> held_out_rows(std::span<const int> labels, double share,
                                       std::uint64_t seed);

// The rows of these indices, with the class names of the whole.
Dataset select_rows(const Dataset& dataset, std::span<const std::size_t> rows);

// What training needs: a row, a feature, as many labels as rows, every label an index into
// class_names, samples of two classes at least, no fewer samples than classes, every feature
// finite, and labels that repeat: where there are 8 rows and more, at most half as many classes as
// rows. (What does not repeat is the number or the name of a row.) bad_input otherwise.
Expected<void> check_trainable(const Dataset& dataset);

// The dataset's labels as indices into the class names that a model was trained with. A label that
// is not among them is bad_input, with the row, or -1 where unknown classes are allowed.
Expected<std::vector<int>> map_labels(const Dataset& dataset,
                                      std::span<const std::string> class_names,
                                      bool allow_unknown = false);

}  // namespace cipherfit
