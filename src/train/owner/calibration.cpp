#include "cipherfit/train/owner/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Sends the offsets, which are defined up to a constant, to sum 0 without changing them visibly.
constexpr double ridge = 1e-8;
constexpr double least_scale = 1e-6;

struct CalibrationProblem {
    RowMatrix scores;  // divided by their spread
    RowMatrix targets;
    Eigen::VectorXd weights;  // of sum 1
    Eigen::Index offsets = 0;

    Eigen::Index size() const { return 1 + offsets; }
};

void softmax_rows(RowMatrix& z) {
    for (Eigen::Index i = 0; i < z.rows(); ++i) {
        auto row = z.row(i).array();
        row = (row - row.maxCoeff()).exp();
        row /= row.sum();
    }
}

// scale * scores + offsets.
RowMatrix logits(const CalibrationProblem& problem, const Eigen::VectorXd& at) {
    RowMatrix z = at(0) * problem.scores;
    if (problem.offsets > 0) {
        z.rowwise() += at.tail(problem.offsets).transpose();
    }
    return z;
}

double loss(const CalibrationProblem& problem, const Eigen::VectorXd& at) {
    const RowMatrix z = logits(problem, at);
    double sum = 0.5 * ridge * at.tail(problem.offsets).squaredNorm();
    for (Eigen::Index i = 0; i < z.rows(); ++i) {
        const double top = z.row(i).maxCoeff();
        const double log_sum = top + std::log((z.row(i).array() - top).exp().sum());
        sum += problem.weights(i) * (log_sum - problem.targets.row(i).dot(z.row(i)));
    }
    return sum;
}

// Gradient and Hessian of the loss. A row adds diag(p) - p p^T in the directions of its scores and
// of the offsets.
std::pair<Eigen::VectorXd, Eigen::MatrixXd> derivatives(const CalibrationProblem& problem,
                                                        const Eigen::VectorXd& at) {
    RowMatrix p = logits(problem, at);
    softmax_rows(p);
    const Eigen::Index c = problem.scores.cols();
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(problem.size());
    Eigen::MatrixXd hessian = Eigen::MatrixXd::Zero(problem.size(), problem.size());
    Eigen::MatrixXd directions(c, problem.size());
    directions.setZero();
    directions.rightCols(problem.offsets).setIdentity();
    for (Eigen::Index i = 0; i < p.rows(); ++i) {
        const double w = problem.weights(i);
        const auto s = problem.scores.row(i);
        const Eigen::RowVectorXd row = p.row(i);
        const Eigen::RowVectorXd error = row - problem.targets.row(i);
        const double mean = row.dot(s);
        gradient(0) += w * error.dot(s);
        hessian(0, 0) += w * (row.array() * (s.array() - mean).square()).sum();
        if (problem.offsets > 0) {
            gradient.tail(c) += w * error.transpose();
            const Eigen::RowVectorXd cross = (row.array() * (s.array() - mean)).matrix();
            hessian.block(0, 1, 1, c) += w * cross;
            hessian.bottomRightCorner(c, c) -= w * row.transpose() * row;
            hessian.bottomRightCorner(c, c).diagonal() += w * row.transpose();
        }
    }
    hessian.block(1, 0, problem.offsets, 1) = hessian.block(0, 1, 1, problem.offsets).transpose();
    gradient.tail(problem.offsets) += ridge * at.tail(problem.offsets);
    hessian.diagonal().array() += ridge;
    return {std::move(gradient), std::move(hessian)};
}

// The step of Newton's method. A scale at its bound that would fall further stays there, exactly:
// the smallest step down has no room.
Eigen::VectorXd newton_step(const CalibrationProblem& problem, const Eigen::VectorXd& at,
                            double& slope) {
    auto [gradient, hessian] = derivatives(problem, at);
    Eigen::VectorXd direction = -hessian.ldlt().solve(gradient);
    if (at(0) <= least_scale && (gradient(0) > 0 || direction(0) < 0)) {
        gradient(0) = 0;
        hessian.row(0).setZero();
        hessian.col(0).setZero();
        hessian(0, 0) = 1;
        direction = -hessian.ldlt().solve(gradient);
        direction(0) = 0;
    }
    slope = gradient.dot(direction);
    return direction;
}

// The loss is convex: Newton's step, cut at the bound and halved until it descends, gets there from
// anywhere.
Eigen::VectorXd minimise(const CalibrationProblem& problem) {
    constexpr int most_steps = 200;
    constexpr double smallest_length = 1e-9;
    Eigen::VectorXd at = Eigen::VectorXd::Zero(problem.size());
    at(0) = 1.0;
    double value = loss(problem, at);
    for (int step = 0; step < most_steps; ++step) {
        double slope = 0;
        const Eigen::VectorXd direction = newton_step(problem, at, slope);
        const double room = direction(0) < 0 ? (at(0) - least_scale) / -direction(0)
                                             : std::numeric_limits<double>::infinity();
        double length = std::min(1.0, room);
        double there = loss(problem, at + length * direction);
        while (!(there <= value + 1e-4 * length * slope) && length > smallest_length) {
            length *= 0.5;
            there = loss(problem, at + length * direction);
        }
        if (!(there < value)) {
            break;
        }
        at += length * direction;
        // Rounding must not leave the scale a hair above its bound, from where no step has room.
        if (length >= room || at(0) < least_scale) {
            at(0) = least_scale;
        }
        // A step that was cut at the bound may be followed by one along it.
        const bool converged = value - there < 1e-14 && length == 1.0;
        value = there;
        if (converged) {
            break;
        }
    }
    return at;
}

CalibrationProblem calibration_problem(const RowMatrix& scores, std::span<const int> labels,
                                       const Eigen::VectorXd& weights, double spread) {
    const Eigen::Index n = scores.rows();
    const Eigen::Index c = scores.cols();
    std::vector<double> counts(static_cast<std::size_t>(c));
    for (const int label : labels) {
        counts[static_cast<std::size_t>(label)] += 1.0;
    }
    CalibrationProblem problem;
    problem.scores = scores / spread;
    problem.targets.resize(n, c);
    for (Eigen::Index i = 0; i < n; ++i) {
        const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
        const double other = 1.0 / (counts[label] + 2.0);
        problem.targets.row(i).setConstant(other / static_cast<double>(c - 1));
        problem.targets(i, static_cast<Eigen::Index>(label)) = 1.0 - other;
    }
    problem.weights = weights.size() == 0
                          ? Eigen::VectorXd::Constant(n, 1.0 / static_cast<double>(n))
                          : Eigen::VectorXd(weights / weights.sum());
    problem.offsets = c <= most_calibrated_classes ? c : 0;
    return problem;
}

}  // namespace

RowMatrix Calibration::probabilities(const RowMatrix& scores) const {
    require(offsets.size() == 0 || offsets.size() == scores.cols(), ErrorCode::bad_input,
            "scores of {} classes for a calibration of {}; use those of one model", scores.cols(),
            offsets.size());
    RowMatrix result = scale * scores;
    if (offsets.size() > 0) {
        result.rowwise() += offsets.transpose();
    }
    softmax_rows(result);
    return result;
}

Calibration fit_calibration(const RowMatrix& scores, std::span<const int> labels,
                            const Eigen::VectorXd& weights) {
    require(scores.rows() >= 1 && scores.cols() >= 2 && scores.allFinite() &&
                labels.size() == static_cast<std::size_t>(scores.rows()),
            ErrorCode::bad_input,
            "{} x {} scores with {} labels; give finite scores of two classes at least, and one "
            "label a row",
            scores.rows(), scores.cols(), labels.size());
    require(std::ranges::all_of(labels, [&](int k) { return k >= 0 && k < scores.cols(); }),
            ErrorCode::bad_input, "a label is outside 0 to {}", scores.cols() - 1);
    require(weights.size() == 0 || (weights.size() == scores.rows() && weights.allFinite() &&
                                    weights.minCoeff() >= 0 && weights.sum() > 0),
            ErrorCode::bad_input,
            "{} weights for {} rows; give one a row, none negative, not all 0", weights.size(),
            scores.rows());
    // What is common to a row's scores means nothing.
    const RowMatrix centred = scores.colwise() - scores.rowwise().mean();
    const double spread = std::sqrt(centred.squaredNorm() / static_cast<double>(centred.size()));
    require(std::isfinite(spread), ErrorCode::bad_input,
            "the scores' squares overflow; the training diverged");
    // Equal scores tell nothing: the offsets alone say how frequent the classes are.
    const CalibrationProblem problem =
        calibration_problem(centred, labels, weights, spread > 0 ? spread : 1.0);
    const Eigen::VectorXd at = minimise(problem);
    Calibration result;
    result.scale = spread > 0 ? at(0) / spread : 1.0;
    result.offsets = at.tail(problem.offsets);
    if (problem.offsets > 0) {
        result.offsets.array() -= result.offsets.mean();
    }
    return result;
}

nlohmann::json to_json(const Calibration& calibration) {
    return {
        {"scale", calibration.scale},
        {"offsets", std::vector<double>(calibration.offsets.begin(), calibration.offsets.end())}};
}

Expected<Calibration> calibration_from_json(const nlohmann::json& json) {
    try {
        Calibration calibration;
        calibration.scale = json.at("scale").get<double>();
        const auto offsets = json.at("offsets").get<std::vector<double>>();
        calibration.offsets = Eigen::Map<const Eigen::VectorXd>(
            offsets.data(), static_cast<Eigen::Index>(offsets.size()));
        if (std::isfinite(calibration.scale) && calibration.scale > 0 &&
            calibration.offsets.allFinite()) {
            return calibration;
        }
    } catch (const nlohmann::json::exception&) {
        return make_error(ErrorCode::corrupt_data,
                          "the calibration lacks a member, or has one of a wrong type");
    }
    return make_error(ErrorCode::corrupt_data, "the calibration has values out of range");
}

}  // namespace cipherfit
