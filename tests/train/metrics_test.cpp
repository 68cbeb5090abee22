#include "cipherfit/train/owner/metrics.h"

#include "support/errors.h"
#include "support/json_matrix.h"
#include "train/oracle/test_data.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;

void expect_near(const std::optional<double>& ours, const json& theirs, const char* what) {
    ASSERT_EQ(ours.has_value(), !theirs.is_null()) << what;
    if (ours) {
        EXPECT_NEAR(*ours, theirs.get<double>(), 1e-12) << what;
    }
}

TEST(Metrics, AgreeWithTheCommittedReference) {
    std::ifstream file(test::oracle_directory() / "metrics_reference.json");
    const json cases = json::parse(file)["metrics"];
    ASSERT_GE(cases.size(), 5U);
    for (const json& c : cases) {
        const auto labels = c["labels"].get<std::vector<int>>();
        const Metrics ours = measure(c["predicted"].get<std::vector<int>>(),
                                     test::matrix_of(c["probabilities"]), labels);
        const json& expected = c["expected"];
        EXPECT_EQ(ours.rows, labels.size());
        expect_near(ours.accuracy, expected["accuracy"], "accuracy");
        expect_near(ours.majority, expected["majority_baseline"], "majority");
        expect_near(ours.balanced_accuracy, expected["balanced_accuracy"], "balanced accuracy");
        expect_near(ours.auc, expected["auc"], "AUC");
        expect_near(ours.log_loss, expected["log_loss"], "log loss");
        expect_near(ours.calibration_error, expected["expected_calibration_error"], "ECE");
        for (std::size_t k = 0; k < ours.classes.size(); ++k) {
            expect_near(ours.classes[k].recall, expected["recall"][k], "recall");
            expect_near(ours.classes[k].precision, expected["precision"][k], "precision");
            expect_near(ours.classes[k].auc, expected["class_auc"][k], "AUC of a class");
        }
    }
}

TEST(Metrics, CurvesPassEqualScoresAtOnce) {
    const Eigen::VectorXd scores = (Eigen::VectorXd(5) << 0.9, 0.5, 0.5, 0.2, 0.1).finished();
    const std::vector<bool> positive{true, false, true, false, true};
    const auto roc = roc_curve(scores, positive);
    const std::vector<std::pair<double, double>> expected{
        {0, 0}, {0, 1 / 3.0}, {0.5, 2 / 3.0}, {1, 2 / 3.0}, {1, 1}};
    ASSERT_EQ(roc.size(), expected.size());
    for (std::size_t i = 0; i < roc.size(); ++i) {
        EXPECT_DOUBLE_EQ(roc[i].x, expected[i].first) << i;
        EXPECT_DOUBLE_EQ(roc[i].y, expected[i].second) << i;
    }
    const auto pr = precision_recall_curve(scores, positive);
    const std::vector<std::pair<double, double>> precision{
        {1 / 3.0, 1}, {2 / 3.0, 2 / 3.0}, {2 / 3.0, 0.5}, {1, 0.6}};
    ASSERT_EQ(pr.size(), precision.size());
    for (std::size_t i = 0; i < pr.size(); ++i) {
        EXPECT_DOUBLE_EQ(pr[i].x, precision[i].first) << i;
        EXPECT_DOUBLE_EQ(pr[i].y, precision[i].second) << i;
    }
    EXPECT_TRUE(roc_curve(scores, std::vector<bool>(5, true)).empty());
    EXPECT_TRUE(precision_recall_curve(scores, std::vector<bool>(5, false)).empty());
}

TEST(Metrics, ThinnedCurvesKeepTheirEnds) {
    std::vector<CurvePoint> curve;
    for (int i = 0; i <= 1000; ++i) {
        curve.push_back({i / 1000.0, i < 900 ? 0.0 : (i - 900) / 100.0});
    }
    const auto thin = thinned(curve, 50);
    ASSERT_LE(thin.size(), 50U);
    EXPECT_GE(thin.size(), 40U);
    EXPECT_EQ(thin.front().x, 0);
    EXPECT_EQ(thin.back().x, 1);
    for (std::size_t i = 1; i < thin.size(); ++i) {
        EXPECT_GT(thin[i].x, thin[i - 1].x);
        // Its length is 0.9 + sqrt(0.1^2 + 1): no gap is twice the mean one.
        EXPECT_LT(std::hypot(thin[i].x - thin[i - 1].x, thin[i].y - thin[i - 1].y), 0.08);
    }
    EXPECT_EQ(thinned(curve, 5000).size(), curve.size());
}

TEST(Metrics, SizesThatDisagreeAreRefused) {
    const RowMatrix p = RowMatrix::Constant(2, 2, 0.5);
    const std::vector<int> two{0, 1};
    EXPECT_NO_THROW(measure(two, p, two));
    for (const auto& [predicted, labels] :
         {std::pair(two, std::vector<int>{0}), std::pair(two, std::vector<int>{0, 2}),
          std::pair(std::vector<int>{0, -1}, two),
          std::pair(std::vector<int>{}, std::vector<int>{})}) {
        EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"cannot be compared"},
                                 [&] { static_cast<void>(measure(predicted, p, labels)); }));
    }
}

}  // namespace
}  // namespace cipherfit
