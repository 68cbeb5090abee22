#include "train/owner/held_out_loss.h"

#include "cipherfit/train/owner/rehearse.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace cipherfit {
namespace {

double weighted_mean(const Eigen::VectorXd& values, const Eigen::VectorXd& weights) {
    return weights.size() == 0 ? values.mean() : values.dot(weights) / weights.sum();
}

// The first and second derivative of the mean loss by the scale.
std::pair<double, double> slopes(const RowMatrix& scores, std::span<const int> labels,
                                 const Eigen::VectorXd& weights, double scale) {
    double first = 0.0;
    double second = 0.0;
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
        const auto row = scores.row(i).array();
        const Eigen::ArrayXd p = (scale * (row - row.maxCoeff())).exp().transpose();
        const double sum = p.sum();
        const double mean = (p.transpose() * row).sum() / sum;
        const double square = (p.transpose() * row.square()).sum() / sum;
        const double weight = weights.size() == 0 ? 1.0 : weights(i);
        first += weight * (mean - row(labels[static_cast<std::size_t>(i)]));
        second += weight * (square - mean * mean);
    }
    return {first, second};
}

}  // namespace

HeldOutLoss held_out_loss(const RowMatrix& scores, std::span<const int> labels,
                          const Eigen::VectorXd& weights) {
    HeldOutLoss result;
    const Eigen::Index n = scores.rows();
    if (!scores.allFinite()) {
        result.loss = Eigen::VectorXd::Constant(n, std::numeric_limits<double>::infinity());
        result.right = Eigen::VectorXd::Zero(n);
        result.mean_loss = std::numeric_limits<double>::infinity();
        return result;
    }
    // The loss is convex in the scale. Newton's steps in its logarithm keep it positive.
    const double spread = (scores.colwise() - scores.rowwise().mean()).cwiseAbs().mean();
    result.scale = spread > 0.0 ? 1.0 / spread : 1.0;
    for (int i = 0; i < 20; ++i) {
        const auto [first, second] = slopes(scores, labels, weights, result.scale);
        const double a = result.scale;
        const double curvature = a * a * second + std::abs(a * first);
        if (!(curvature > 0.0)) {
            break;
        }
        const double step = std::clamp(-a * first / curvature, -1.5, 1.5);
        result.scale = std::clamp(a * std::exp(step), 1e-9, 1e9);
        if (std::abs(step) < 1e-4) {
            break;
        }
    }
    result.loss.resize(n);
    result.right.resize(n);
    for (Eigen::Index i = 0; i < n; ++i) {
        const auto row = scores.row(i).array();
        Eigen::Index best = 0;
        const double top = row.maxCoeff(&best);
        const int label = labels[static_cast<std::size_t>(i)];
        result.right(i) = best == label ? 1.0 : 0.0;
        result.loss(i) =
            std::log((result.scale * (row - top)).exp().sum()) - result.scale * (row(label) - top);
    }
    result.mean_loss = weighted_mean(result.loss, weights);
    result.accuracy = weighted_mean(result.right, weights);
    return result;
}

double least_loss_scale(const RowMatrix& scores, std::span<const int> labels,
                        const Eigen::VectorXd& weights) {
    return held_out_loss(scores, labels, weights).scale;
}

PairedDifference paired_difference(const Eigen::VectorXd& a, const Eigen::VectorXd& b,
                                   const Eigen::VectorXd& weights) {
    const Eigen::VectorXd difference = a - b;
    PairedDifference result;
    result.mean = weighted_mean(difference, weights);
    const Eigen::VectorXd deviation =
        (difference.array() - result.mean) *
        (weights.size() == 0 ? Eigen::ArrayXd::Ones(difference.size())
                             : Eigen::ArrayXd(weights.array() / weights.mean()));
    const auto n = static_cast<double>(difference.size());
    result.standard_error = n > 1 ? std::sqrt(deviation.squaredNorm() / (n * (n - 1))) : 0.0;
    return result;
}

}  // namespace cipherfit
