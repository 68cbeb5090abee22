#include "cipherfit/train/owner/metrics.h"
#include "report/report_data.h"

#include <algorithm>
#include <numeric>

namespace cipherfit {
namespace {

// Classes that get curves of their own, and points of one.
constexpr std::size_t most_classes = 8;
constexpr std::size_t most_points = 200;

nlohmann::json points(const std::vector<CurvePoint>& curve) {
    nlohmann::json list = nlohmann::json::array();
    for (const CurvePoint& point : thinned(curve, most_points)) {
        list.push_back({point.x, point.y});
    }
    return list;
}

// The second of two classes; otherwise those of least area under the curve, in their own order.
std::vector<std::size_t> shown_classes(const Metrics& metrics) {
    if (metrics.classes.size() == 2) {
        return {1};
    }
    std::vector<std::size_t> order(metrics.classes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::erase_if(order, [&](std::size_t k) { return !metrics.classes[k].auc; });
    std::ranges::stable_sort(order, {}, [&](std::size_t k) { return *metrics.classes[k].auc; });
    order.resize(std::min(order.size(), most_classes));
    std::ranges::sort(order);
    return order;
}

}  // namespace

nlohmann::json report_quality(const ReportInput& input) {
    const RowMatrix probabilities =
        input.calibration.probabilities(input.head.scores(input.test.features));
    const std::vector<int> predicted = input.head.predict(input.test.features);
    const Metrics metrics = measure(predicted, probabilities, input.test.labels);
    nlohmann::json curves = nlohmann::json::array();
    for (const std::size_t k : shown_classes(metrics)) {
        const Eigen::VectorXd of_class = probabilities.col(static_cast<Eigen::Index>(k));
        std::vector<bool> positive;
        for (const int label : input.test.labels) {
            positive.push_back(static_cast<std::size_t>(label) == k);
        }
        curves.push_back(
            {{"class", k},
             {"roc", points(roc_curve(of_class, positive))},
             {"precision_recall", points(precision_recall_curve(of_class, positive))}});
    }
    nlohmann::json bins = nlohmann::json::array();
    for (const CalibrationBin& bin :
         calibration_bins(predicted, probabilities, input.test.labels)) {
        bins.push_back({{"probability", bin.mean_probability},
                        {"share", bin.observed_share},
                        {"rows", bin.rows}});
    }
    return {{"metrics", to_json(metrics, input.head.class_names)},
            {"curves", curves},
            {"calibration", bins}};
}

}  // namespace cipherfit
