#include "cipherfit/train/owner/calibration.h"

#include "support/errors.h"
#include "support/json_matrix.h"
#include "train/oracle/test_data.h"

#include <cmath>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;

// The oracle's golden sections are good to about the root of what a double resolves of the loss.
TEST(Calibration, AgreesWithTheCommittedReference) {
    std::ifstream file(test::oracle_directory() / "metrics_reference.json");
    const json cases = json::parse(file)["calibrations"];
    ASSERT_GE(cases.size(), 4U);
    for (const json& c : cases) {
        const auto w = c["weights"].get<std::vector<double>>();
        const Eigen::VectorXd weights =
            Eigen::Map<const Eigen::VectorXd>(w.data(), static_cast<Eigen::Index>(w.size()));
        const RowMatrix scores = test::matrix_of(c["scores"]);
        const Calibration ours =
            fit_calibration(scores, c["labels"].get<std::vector<int>>(), weights);
        const RowMatrix difference =
            ours.probabilities(scores) - test::matrix_of(c["expected"]["probabilities"]);
        EXPECT_LT(difference.cwiseAbs().maxCoeff(), 1e-5) << c["labels"].size();
    }
}

TEST(Calibration, RecoversTheLawThatLabelsWereDrawnFrom) {
    constexpr int rows = 20000;
    std::mt19937_64 random(3);
    const auto uniform = [&] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
    RowMatrix scores(rows, 2);
    std::vector<int> labels;
    for (int i = 0; i < rows; ++i) {
        const double z = 0.2 * (uniform() - 0.5);
        scores(i, 0) = 5 - z / 2;  // what both have in common means nothing
        scores(i, 1) = 5 + z / 2;
        labels.push_back(uniform() < 1 / (1 + std::exp(-(30 * z - 0.7))) ? 1 : 0);
    }
    const Calibration fitted = fit_calibration(scores, labels);
    // Four standard errors: the Fisher information of slope and intercept at these rows gives
    // about 0.30 and 0.017.
    EXPECT_NEAR(fitted.scale, 30, 1.2);
    EXPECT_NEAR(fitted.offsets(1) - fitted.offsets(0), -0.7, 0.07);
    EXPECT_NEAR(fitted.offsets.sum(), 0, 1e-12);
}

TEST(Calibration, ClassesThatNeverOverlapGetFiniteProbabilities) {
    RowMatrix scores(20, 2);
    std::vector<int> labels;
    for (int i = 0; i < 20; ++i) {
        labels.push_back(i % 2);
        scores.row(i) << (i % 2 == 0 ? 1.0 : -1.0), (i % 2 == 0 ? -1.0 : 1.0);
    }
    // Platt's targets for ten rows of a class: 11/12 and 1/12, which equal scores reach exactly.
    const RowMatrix p = fit_calibration(scores, labels).probabilities(scores);
    EXPECT_NEAR(p(0, 0), 11.0 / 12, 1e-6);
    EXPECT_NEAR(p(1, 0), 1.0 / 12, 1e-6);
}

TEST(Calibration, ScoresThatTellNothingGiveTheShares) {
    const std::vector<int> labels{0, 0, 0, 1};
    for (const double size : {0.0, 1.0}) {
        RowMatrix scores = RowMatrix::Constant(4, 2, 7.0);
        // Against the labels, which no positive scale mends.
        scores.col(1) << size, size, size, -size;
        const Calibration fitted = fit_calibration(scores, labels);
        EXPECT_GT(fitted.scale, 0);
        const RowMatrix p = fitted.probabilities(scores);
        // Three targets of 1/5 and one of 2/3.
        EXPECT_NEAR(p(0, 1), (3 * 0.2 + 2.0 / 3) / 4, 1e-4) << size;
        EXPECT_NEAR(p.row(2).sum(), 1, 1e-12);
    }
}

TEST(Calibration, ManyClassesShareTheScaleAlone) {
    const int classes = static_cast<int>(most_calibrated_classes) + 1;
    RowMatrix scores = RowMatrix::Identity(classes, classes);
    std::vector<int> labels;
    for (int i = 0; i < classes; ++i) {
        labels.push_back(i);
    }
    const Calibration fitted = fit_calibration(scores, labels);
    EXPECT_EQ(fitted.offsets.size(), 0);
    // Of one row of a class a third belongs to the other classes.
    EXPECT_NEAR(fitted.probabilities(scores)(0, 0), 2.0 / 3, 1e-6);
}

// The mean probability of the class that is named, against the share of rows where it is right.
TEST(Calibration, ProbabilitiesOfManyClassesAreNotTooLow) {
    constexpr int classes = 26;
    constexpr int rows = 4000;
    std::mt19937_64 random(5);
    const auto uniform = [&] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
    RowMatrix scores(rows, classes);
    std::vector<int> labels;
    for (int i = 0; i < rows; ++i) {
        // Scores of a step of ridge regression: the label's is about 0.7 above the others.
        const auto label = static_cast<int>(uniform() * classes);
        labels.push_back(label);
        for (int k = 0; k < classes; ++k) {
            const double noise = uniform() + uniform() + uniform() - 1.5;
            scores(i, k) = 0.2 * noise + (k == label ? 0.7 * std::sqrt(uniform()) : 0.0);
        }
    }
    const RowMatrix p = fit_calibration(scores, labels).probabilities(scores);
    double named = 0.0;
    double right = 0.0;
    for (int i = 0; i < rows; ++i) {
        Eigen::Index best = 0;
        named += p.row(i).maxCoeff(&best) / rows;
        right += best == labels[static_cast<std::size_t>(i)] ? 1.0 / rows : 0.0;
    }
    EXPECT_GT(right, 0.7);
    EXPECT_LT(right, 0.95);
    EXPECT_NEAR(named, right, 0.04);
}

TEST(Calibration, BadInputIsRefused) {
    const RowMatrix scores = RowMatrix::Identity(2, 2);
    const std::vector<int> labels{0, 1};
    const auto refused = [](auto&&... arguments) {
        return test::throws(ErrorCode::bad_input, {},
                            [&] { static_cast<void>(fit_calibration(arguments...)); });
    };
    EXPECT_TRUE(refused(scores, std::vector<int>{0}));
    EXPECT_TRUE(refused(scores, std::vector<int>{0, 2}));
    EXPECT_TRUE(refused(RowMatrix(scores.leftCols(1)), labels));
    EXPECT_TRUE(refused(RowMatrix(scores * std::nan("")), labels));
    EXPECT_TRUE(refused(RowMatrix(scores * 1e300), labels));
    EXPECT_TRUE(refused(scores, labels, Eigen::VectorXd(Eigen::VectorXd::Zero(2))));
    EXPECT_TRUE(refused(scores, labels, Eigen::VectorXd(Eigen::VectorXd::Ones(3))));
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"3 classes for a calibration of 2"}, [&] {
        static_cast<void>(fit_calibration(scores, labels).probabilities(RowMatrix::Ones(1, 3)));
    }));
}

TEST(Calibration, JsonKeepsEveryBit) {
    Calibration calibration{1.0 / 3, (Eigen::VectorXd(2) << 0.1, -0.1).finished()};
    const Calibration again =
        value_or_throw(calibration_from_json(json::parse(to_json(calibration).dump())));
    EXPECT_EQ(again.scale, calibration.scale);
    EXPECT_EQ(again.offsets, calibration.offsets);
    for (const char* text : {"{}", R"({"scale":0,"offsets":[]})", R"({"scale":-1,"offsets":[]})",
                             R"({"scale":"1","offsets":[]})", R"({"scale":1,"offsets":["x"]})",
                             R"({"scale":1,"offsets":[null]})", "[]", "3"}) {
        EXPECT_FALSE(calibration_from_json(json::parse(text))) << text;
    }
}

}  // namespace
}  // namespace cipherfit
