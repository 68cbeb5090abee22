// Probabilities from scores. A score is not a log-odds: after one or two iterations it is far too
// small, and how far depends on the recipe. Scale and offsets are fitted on scores of rows that
// took no part in the training of the model that gave them:
//
//     p_k = exp(scale s_k + offset_k) / sum_j exp(scale s_j + offset_j)
//
// which for two classes is Platt's sigmoid(scale (s_1 - s_0) + offset_1 - offset_0) (Platt 1999),
// and vector scaling with one common slope for more (Guo et al., ICML 2017).
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/train/owner/preprocess.h"

#include <span>

#include <Eigen/Core>
#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

struct Calibration {
    double scale = 1.0;       // > 0
    Eigen::VectorXd offsets;  // one a class, of sum 0; none: all are 0

    // n x c scores to n x c probabilities, which add up to 1 in every row. Throws Error (bad_input)
    // for another number of classes than of offsets.
    RowMatrix probabilities(const RowMatrix& scores) const;
};

// Classes up to which every one has an offset of its own; with more there are only few rows of
// each.
inline constexpr Eigen::Index most_calibrated_classes = 64;

// Makes the (weighted) cross-entropy of the labels least, by Newton's method. So that classes which
// never overlap do not get infinite scales, row i of class k counts as 1 / (n_k + 2) of all other
// classes together, in equal parts, and the rest of its own, n_k being the rows of its class, as
// Platt did it for two. A share of every other class that did not fall with their number would
// forbid large probabilities where classes are many. Where scores say nothing of the classes the
// scale is the least that is allowed, 1e-6 over their spread.
// `scores`: n x c, finite, n >= 1, c >= 2; labels 0..c-1; weights: n values >= 0, or none. Throws
// Error (bad_input) for others.
Calibration fit_calibration(const RowMatrix& scores, std::span<const int> labels,
                            const Eigen::VectorXd& weights = {});

// {"scale", "offsets"}; doubles survive bit for bit. JSON of another shape or with values out of
// range gives ErrorCode::corrupt_data.
nlohmann::json to_json(const Calibration& calibration);
Expected<Calibration> calibration_from_json(const nlohmann::json& json);

}  // namespace cipherfit
