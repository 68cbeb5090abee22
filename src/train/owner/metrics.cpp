#include "cipherfit/train/owner/metrics.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr std::size_t bins = 15;
constexpr double least_probability = 1e-15;

// Rows by falling score.
std::vector<std::size_t> by_score(const Eigen::VectorXd& scores) {
    std::vector<std::size_t> order(static_cast<std::size_t>(scores.size()));
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        return scores(static_cast<Eigen::Index>(a)) > scores(static_cast<Eigen::Index>(b));
    });
    return order;
}

// Calls f(true positives, false positives) after every group of equal scores, from the largest.
template <class F>
void for_each_threshold(const Eigen::VectorXd& scores, const std::vector<bool>& positive, F&& f) {
    const auto order = by_score(scores);
    double true_positives = 0;
    double false_positives = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        (positive[order[i]] ? true_positives : false_positives) += 1;
        const bool last =
            i + 1 == order.size() || scores(static_cast<Eigen::Index>(order[i + 1])) !=
                                         scores(static_cast<Eigen::Index>(order[i]));
        if (last) {
            f(true_positives, false_positives);
        }
    }
}

std::optional<double> share(double part, double whole) {
    return whole > 0 ? std::optional(part / whole) : std::nullopt;
}

// The area under the ROC curve by its trapezoids, which count ties as one half.
std::optional<double> area(const std::vector<CurvePoint>& roc) {
    if (roc.empty()) {
        return std::nullopt;
    }
    double sum = 0;
    for (std::size_t i = 1; i < roc.size(); ++i) {
        sum += (roc[i].x - roc[i - 1].x) * (roc[i].y + roc[i - 1].y) / 2;
    }
    return sum;
}

std::vector<bool> are_of_class(std::span<const int> labels, int label) {
    std::vector<bool> is_of_class;
    for (const int other : labels) {
        is_of_class.push_back(other == label);
    }
    return is_of_class;
}

nlohmann::json or_null(const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json();
}

}  // namespace

std::vector<CurvePoint> roc_curve(const Eigen::VectorXd& scores,
                                  const std::vector<bool>& positive) {
    const auto positives = static_cast<double>(std::ranges::count(positive, true));
    const double negatives = static_cast<double>(positive.size()) - positives;
    if (positives == 0 || negatives == 0) {
        return {};
    }
    std::vector<CurvePoint> curve{{0, 0}};
    for_each_threshold(scores, positive, [&](double right, double wrong) {
        curve.push_back({wrong / negatives, right / positives});
    });
    return curve;
}

std::vector<CurvePoint> precision_recall_curve(const Eigen::VectorXd& scores,
                                               const std::vector<bool>& positive) {
    const auto positives = static_cast<double>(std::ranges::count(positive, true));
    if (positives == 0 || positives == static_cast<double>(positive.size())) {
        return {};
    }
    std::vector<CurvePoint> curve;
    for_each_threshold(scores, positive, [&](double right, double wrong) {
        curve.push_back({right / positives, right / (right + wrong)});
    });
    return curve;
}

std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& curve, std::size_t most) {
    if (curve.size() <= most) {
        return curve;
    }
    std::vector<double> length{0};
    for (std::size_t i = 1; i < curve.size(); ++i) {
        length.push_back(length.back() +
                         std::hypot(curve[i].x - curve[i - 1].x, curve[i].y - curve[i - 1].y));
    }
    std::vector<CurvePoint> result;
    std::size_t next = 0;
    for (std::size_t k = 0; k < most; ++k) {
        const double wanted =
            length.back() * static_cast<double>(k) / static_cast<double>(most - 1);
        while (next + 1 < curve.size() && length[next] < wanted) {
            ++next;
        }
        if (k + 1 == most) {
            next = curve.size() - 1;
        }
        if (k == 0 || next > 0) {
            result.push_back(curve[next]);
            next = std::min(next + 1, curve.size() - 1);
        }
    }
    return result;
}

std::vector<CalibrationBin> calibration_bins(std::span<const int> predicted,
                                             const RowMatrix& probabilities,
                                             std::span<const int> labels) {
    struct Sum {
        double probability = 0, right = 0;
        std::size_t rows = 0;
    };
    std::array<Sum, bins> sums{};
    const bool two = probabilities.cols() == 2;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const int watched = two ? 1 : predicted[i];
        const double p = probabilities(static_cast<Eigen::Index>(i), watched);
        const double place = std::clamp(p * bins, 0.0, static_cast<double>(bins - 1));
        Sum& sum = sums.at(static_cast<std::size_t>(place));
        sum.probability += p;
        sum.right += labels[i] == watched ? 1 : 0;
        ++sum.rows;
    }
    std::vector<CalibrationBin> result;
    for (const Sum& sum : sums) {
        if (sum.rows > 0) {
            const auto rows = static_cast<double>(sum.rows);
            result.push_back({sum.probability / rows, sum.right / rows, sum.rows});
        }
    }
    return result;
}

Metrics measure(std::span<const int> predicted, const RowMatrix& probabilities,
                std::span<const int> labels) {
    const auto classes = static_cast<std::size_t>(probabilities.cols());
    const auto in_range = [&](int k) { return k >= 0 && k < probabilities.cols(); };
    require(!labels.empty() && predicted.size() == labels.size() &&
                static_cast<std::size_t>(probabilities.rows()) == labels.size() &&
                std::ranges::all_of(labels, in_range) && std::ranges::all_of(predicted, in_range),
            ErrorCode::bad_input,
            "{} predictions and {} x {} probabilities with {} labels cannot be compared; give one "
            "of each a row, of the same classes",
            predicted.size(), probabilities.rows(), probabilities.cols(), labels.size());
    Metrics metrics;
    metrics.rows = labels.size();
    metrics.classes.resize(classes);
    metrics.confusion.assign(classes, std::vector<std::size_t>(classes));
    std::vector<std::size_t> times_predicted(classes);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto truth = static_cast<std::size_t>(labels[i]);
        const auto guess = static_cast<std::size_t>(predicted[i]);
        ++metrics.confusion[truth][guess];
        ++metrics.classes[truth].rows;
        ++times_predicted[guess];
        metrics.correct += truth == guess ? 1U : 0U;
        const double p = probabilities(static_cast<Eigen::Index>(i), labels[i]);
        metrics.log_loss -= std::log(std::clamp(p, least_probability, 1.0));
    }
    const auto rows = static_cast<double>(metrics.rows);
    metrics.accuracy = static_cast<double>(metrics.correct) / rows;
    metrics.log_loss /= rows;
    double recalls = 0;
    double present = 0;
    double areas = 0;
    double measured = 0;
    for (std::size_t k = 0; k < classes; ++k) {
        ClassMetrics& of_class = metrics.classes[k];
        const auto right = static_cast<double>(metrics.confusion[k][k]);
        of_class.precision = share(right, static_cast<double>(times_predicted[k]));
        of_class.recall = share(right, static_cast<double>(of_class.rows));
        of_class.auc = area(roc_curve(probabilities.col(static_cast<Eigen::Index>(k)),
                                      are_of_class(labels, static_cast<int>(k))));
        recalls += of_class.recall.value_or(0);
        present += of_class.recall ? 1 : 0;
        areas += of_class.auc.value_or(0);
        measured += of_class.auc ? 1 : 0;
        metrics.majority = std::max(metrics.majority, static_cast<double>(of_class.rows) / rows);
    }
    metrics.balanced_accuracy = recalls / present;
    metrics.auc = share(areas, measured);
    for (const CalibrationBin& bin : calibration_bins(predicted, probabilities, labels)) {
        metrics.calibration_error += static_cast<double>(bin.rows) / rows *
                                     std::abs(bin.mean_probability - bin.observed_share);
    }
    return metrics;
}

nlohmann::json to_json(const Metrics& metrics, std::span<const std::string> class_names) {
    nlohmann::json classes = nlohmann::json::array();
    for (std::size_t k = 0; k < metrics.classes.size(); ++k) {
        const ClassMetrics& of_class = metrics.classes[k];
        classes.push_back({{"class", class_names[k]},
                           {"rows", of_class.rows},
                           {"precision", or_null(of_class.precision)},
                           {"recall", or_null(of_class.recall)},
                           {"auc", or_null(of_class.auc)}});
    }
    return {{"rows", metrics.rows},
            {"correct", metrics.correct},
            {"accuracy", metrics.accuracy},
            {"majority_baseline", metrics.majority},
            {"balanced_accuracy", metrics.balanced_accuracy},
            {"auc", or_null(metrics.auc)},
            {"log_loss", metrics.log_loss},
            {"expected_calibration_error", metrics.calibration_error},
            {"confusion", metrics.confusion},
            {"per_class", classes}};
}

}  // namespace cipherfit
