// From the user's files to rows of features.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/io/dataset.h"
#include "cli/options.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace cipherfit {

struct Samples {
    std::string file;  // as messages name it
    Dataset data;
    std::optional<ImageShape> image;  // of IDX images
    // The fingerprint of the network whose features these are; empty where it is not known.
    std::string backbone;
    // Small copies of the pictures whose features `cipherfit extract` wrote; empty where there are
    // none. Row i is picture first_row + i of the file, which should have `file_rows` of them.
    std::filesystem::path thumbnails;
    std::size_t first_row = 0, file_rows = 0;
    // Of a held-out share, or of what it leaves: row i is picked[i] of the rows from first_row on.
    std::vector<std::size_t> picked;
    // Values of text columns that the training rows did not have, by column; see encode_table().
    std::vector<std::size_t> unknown_text;
};

// The rows that the options name, with every column a number: by the encoding of a model, or by one
// that is fitted on these rows (samples.data.table). Throws Error (bad_input, io_failure).
Samples read_samples(const SampleOptions& options, const TableEncoding* model = nullptr);

// A line for every text column with unknown values; empty where there are none.
std::string describe_unknown_text(const Samples& samples);

// Throws Error(bad_input), with the file, where nothing can be trained on the rows; see
// check_trainable().
void require_trainable(const Samples& samples);

// Throws Error(bad_input) where both are known and differ: features of one network tell a head of
// another nothing. `file` opens the message.
void require_backbone(const Samples& samples, const std::string& backbone, const std::string& file);

// SHA-256 of features, labels and class names, in hexadecimal.
std::string digest_of(const Dataset& data);

// The extractor that the options ask for, fitted on the training images; null for raw features.
// Throws Error(bad_input) for images of unknown shape and for more components than the rank.
// `row_weights`: of whitened components, see FeatureExtractor::fit().
std::unique_ptr<FeatureExtractor> fit_extractor(const FeatureOptions& options,
                                                const Samples& training,
                                                const FeatureProgress& progress = {},
                                                const Eigen::VectorXd& row_weights = {});

// The extractor of whitened components that the options name (FeatureOptions::are_whitened()), with
// this whitening: 1 to train on, 0 to see the components as they are. It keeps fewer components
// than are asked for where the rows have fewer.
std::unique_ptr<FeatureExtractor> unfitted_components(const FeatureOptions& options,
                                                      const Samples& training, double whitening);

// The pooled convolutions of the rows, which are pixels as those of `training`: what random-conv
// takes components of. `options.kind` is random-conv or random-conv+rbf.
RowMatrix pooled_convolutions(const FeatureOptions& options, const Samples& training,
                              const RowMatrix& rows);

// The samples with the extractor's features in place of their own; as they are where it is null.
Dataset extract(const FeatureExtractor* extractor, Dataset data,
                const FeatureProgress& progress = {});

}  // namespace cipherfit
