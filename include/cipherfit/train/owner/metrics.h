// How good scores and probabilities are on rows whose classes are known.
#pragma once

#include "cipherfit/train/owner/preprocess.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// Figures of one class against the rest. A figure that is not defined, for want of rows, is absent.
struct ClassMetrics {
    std::size_t rows = 0;             // of the class
    std::optional<double> precision;  // share of the rows predicted as it that are of it
    std::optional<double> recall;     // share of its rows that are predicted as it
    // The probability that a row of the class has the larger probability of the class than a row of
    // another, ties counting as one half (area under the ROC curve).
    std::optional<double> auc;
};

struct Metrics {
    std::size_t rows = 0, correct = 0;
    double accuracy = 0.0;
    double majority = 0.0;  // share of the most frequent class: what always naming it would reach
    double balanced_accuracy = 0.0;  // mean recall of the classes that have rows
    std::optional<double> auc;       // mean over the classes
    double log_loss = 0.0;           // mean of -log p of the true class, p held to 1e-15 at least
    // sum_b n_b / n |mean confidence - share that is right| over 15 bins of equal width: of the
    // probability of the second class where there are two, else of the predicted class's.
    double calibration_error = 0.0;
    std::vector<ClassMetrics> classes;
    std::vector<std::vector<std::size_t>> confusion;  // [truth][prediction]
};

// `predicted`: classes; `probabilities`: n x c; labels 0..c-1; n >= 1. Throws Error (bad_input) for
// sizes that disagree or labels out of range.
Metrics measure(std::span<const int> predicted, const RowMatrix& probabilities,
                std::span<const int> labels);

struct CurvePoint {
    double x = 0.0, y = 0.0;
};

// (false positive rate, true positive rate) as the threshold on `scores` falls, (0, 0) first, (1,
// 1) last; equal scores are passed at once. Empty unless there are rows of both kinds.
std::vector<CurvePoint> roc_curve(const Eigen::VectorXd& scores, const std::vector<bool>& positive);

// (recall, precision) in the same order, from the first threshold that some row passes. Empty
// unless there are rows of both kinds.
std::vector<CurvePoint> precision_recall_curve(const Eigen::VectorXd& scores,
                                               const std::vector<bool>& positive);

// A curve with at most `most` (>= 2) points: the first, the last, and those in between that are
// spread most evenly along it.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& curve, std::size_t most);

// One bin of the calibration error, if it has rows.
struct CalibrationBin {
    double mean_probability = 0.0, observed_share = 0.0;
    std::size_t rows = 0;
};
std::vector<CalibrationBin> calibration_bins(std::span<const int> predicted,
                                             const RowMatrix& probabilities,
                                             std::span<const int> labels);

// {"rows", "correct", "accuracy", "majority_baseline", "balanced_accuracy", "auc", "log_loss",
// "expected_calibration_error", "confusion", "per_class": [{"class", "rows", "precision", "recall",
// "auc"}]}; null where a figure is absent.
nlohmann::json to_json(const Metrics& metrics, std::span<const std::string> class_names);

}  // namespace cipherfit
