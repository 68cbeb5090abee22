// Rows to train on, and the features that are made of them in the clear.
#pragma once

#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/fitting/owner/fit_options.h"
#include "cipherfit/io/dataset.h"

#include <memory>
#include <optional>
#include <string>

namespace cipherfit {

struct TrainingRows {
    std::string file;  // as messages name the rows
    Dataset data;
    std::optional<ImageShape> image;  // where the rows are grey images of a known shape
    // The fingerprint of the network whose features these are; empty where it is not known.
    std::string backbone;
};

// SHA-256 of features, labels and class names, in hexadecimal.
std::string digest_of(const Dataset& data);

// The extractor that the options ask for, fitted on the training images; null for raw features.
// Throws Error(bad_input) for images of unknown shape and for more components than the rank.
// `row_weights`: of whitened components, see FeatureExtractor::fit().
std::unique_ptr<FeatureExtractor> fit_extractor(const FeatureOptions& options,
                                                const TrainingRows& training,
                                                const FeatureProgress& progress = {},
                                                const Eigen::VectorXd& row_weights = {});

// The extractor of whitened components that the options name (FeatureOptions::are_whitened()), with
// this whitening: 1 to train on, 0 to see the components as they are. It keeps fewer components
// than are asked for where the rows have fewer.
std::unique_ptr<FeatureExtractor> unfitted_components(const FeatureOptions& options,
                                                      const TrainingRows& training,
                                                      double whitening);

// The pooled convolutions of the rows, which are pixels as those of `training`: what random-conv
// takes components of. `options.kind` is random-conv or random-conv+rbf.
RowMatrix pooled_convolutions(const FeatureOptions& options, const TrainingRows& training,
                              const RowMatrix& rows);

// The samples with the extractor's features in place of their own; as they are where it is null.
Dataset extract(const FeatureExtractor* extractor, Dataset data,
                const FeatureProgress& progress = {});

}  // namespace cipherfit
