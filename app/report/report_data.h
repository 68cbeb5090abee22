// What the report shows, as one JSON object: everything is computed here, the page only draws.
#pragma once

#include "cipherfit/io/matrix.h"
#include "cipherfit/protocol/owner/owner_setup.h"
#include "cipherfit/train/owner/calibration.h"
#include "cipherfit/train/owner/head.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {

// Pixels of a small picture, from the top left corner, row by row; 1 channel (grey) or 3 (RGB).
struct Thumbnail {
    std::size_t width = 0, height = 0, channels = 1;
    std::vector<std::uint8_t> pixels;
};

// Labelled rows of features, as the head takes them.
struct ReportRows {
    const RowMatrix& features;
    std::span<const int> labels;
};

// The model after `iteration` iterations.
struct ReportModel {
    int iteration = 0;
    Head head;
};

struct ReportInput {
    const OwnerSetup& setup;
    const Head& head;  // the model at the end
    ReportRows training, test;
    // Decrypted (or, of a simulated run, noisy) models, ascending, the head last.
    std::span<const ReportModel> models;
    nlohmann::json figures;  // of fit_figures()
    double checkpoint_bytes = 0;
    Calibration calibration = {};  // of probabilities; plain softmax where there is none
    // The picture of a test row, where there is one.
    std::function<std::optional<Thumbnail>(std::size_t row)> picture;
};

// {"figures", "classes", "curves", "quality", "confusion", "mistakes", "chain"}. Throws what the
// twin throws.
nlohmann::json report_data(const ReportInput& input);

// Accuracy and log loss (under the calibration) of every iteration on training and test rows, twin
// and decrypted, and the largest difference of raw-feature weights.
nlohmann::json report_curves(const ReportInput& input);

// Metrics, ROC and precision-recall curves, and calibration of the probabilities of the test rows.
nlohmann::json report_quality(const ReportInput& input);

// counts[truth][prediction] of the test rows.
nlohmann::json report_confusion(const Head& head, const ReportRows& rows);

// The misclassified test rows of the largest regret (top score minus the true class's), with the
// three best classes and the true one, probabilities, and pictures while they fit.
nlohmann::json report_mistakes(const ReportInput& input);

// The modulus: bits of every prime, and what every iteration spends its levels on.
nlohmann::json report_chain(const TrainingPlan& plan);

}  // namespace cipherfit
