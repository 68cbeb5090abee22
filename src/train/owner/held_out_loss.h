// How good scores of held-out rows are, whatever their scale.
#pragma once

#include "cipherfit/train/owner/preprocess.h"

#include <span>

#include <Eigen/Core>

namespace cipherfit {

// One number for each row, and their weighted means. Scores of short runs are no log-odds: their
// size depends on the number of iterations and the sigmoid. So the loss is that of a softmax of
// scale * scores, with the one scale, for all rows and classes, that makes it least.
struct HeldOutLoss {
    Eigen::VectorXd loss;   // cross-entropy
    Eigen::VectorXd right;  // 1 where the largest score is the label's, else 0
    double scale = 1.0;
    double mean_loss = 0.0;
    double accuracy = 0.0;
};

// `scores`: n x c, c >= 2; `weights`: n values >= 0, or empty for 1 each. Scores that are not
// finite give an infinite mean loss and accuracy 0.
HeldOutLoss held_out_loss(const RowMatrix& scores, std::span<const int> labels,
                          const Eigen::VectorXd& weights);

struct PairedDifference {
    double mean = 0.0;
    double standard_error = 0.0;
};
// The mean of a - b, row by row, and its standard error.
PairedDifference paired_difference(const Eigen::VectorXd& a, const Eigen::VectorXd& b,
                                   const Eigen::VectorXd& weights);

}  // namespace cipherfit
