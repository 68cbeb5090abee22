#include "cipherfit/train/owner/preprocess.h"

#include "train/oracle/test_data.h"

#include <cmath>
#include <limits>

#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::Dataset;
using test::synthetic;

Recipe some_recipe() {
    return standard_recipe(2, 8.0, fit_sigmoid(3, 12.0));
}

TEST(Preprocess, StandardCentresAndScalesByOneCommonFactor) {
    const Dataset data = synthetic(40, 9, 3, 0.5, 1);
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    const RowMatrix x = fitted.design(data.features);
    ASSERT_EQ(x.cols(), 10);
    EXPECT_TRUE((x.col(0).array() == 1.0).all());
    const RowMatrix features = x.rightCols(9);
    EXPECT_LT(features.colwise().mean().cwiseAbs().maxCoeff(), 1e-15);
    EXPECT_NEAR(features.squaredNorm() / 40.0, 1.0, 1e-14);
    // One factor for all: differences of rows keep their direction and relative size.
    const RowMatrix differences = features.bottomRows(39) - features.topRows(39);
    const RowMatrix raw = data.features.bottomRows(39) - data.features.topRows(39);
    EXPECT_LT((differences - raw * fitted.factor).cwiseAbs().maxCoeff(), 1e-15);
}

TEST(Preprocess, ThePaperTakesFeaturesAsTheyAre) {
    const Dataset data = synthetic(12, 5, 2, 0.5, 2);
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::chiang2023);
    EXPECT_EQ(fitted.factor, 1.0);
    EXPECT_TRUE((fitted.design(data.features).rightCols(5).array() == data.features.array()).all());
}

TEST(Preprocess, ColumnScalesAreTheQuadraticGradient) {
    for (const auto preset : {Preset::standard, Preset::chiang2023}) {
        const Dataset data = synthetic(15, 6, 3, 0.8, 3);
        const Preprocessing fitted = fit_preprocessing(data.features, preset);
        const RowMatrix x = fitted.design(data.features);
        for (Eigen::Index j = 0; j < x.cols(); ++j) {
            double sum = 0.0;
            for (Eigen::Index k = 0; k < x.cols(); ++k) {
                for (Eigen::Index i = 0; i < x.rows(); ++i) {
                    sum += std::abs(x(i, j)) * std::abs(x(i, k));
                }
            }
            EXPECT_NEAR(fitted.column_scale(j), std::sqrt(1.0 / (1e-10 + 0.25 * sum)), 1e-12);
        }
    }
}

TEST(Preprocess, ScaledFeaturesAreBounded) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        const Dataset data = synthetic(2 + seed, 1 + 3 * (seed % 7), 2, 0.1 + seed, seed);
        const auto preset = seed % 2 == 0 ? Preset::standard : Preset::chiang2023;
        const RowMatrix xs = fit_preprocessing(data.features, preset).scaled(data.features);
        EXPECT_LT(xs.cwiseAbs().maxCoeff(), 2.0);
        const Eigen::MatrixXd gram = xs * xs.transpose();
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
        EXPECT_LE(solver.eigenvalues().maxCoeff(), 4.0 + 1e-12);
        EXPECT_GE(solver.eigenvalues().minCoeff(), -1e-12);
    }
}

TEST(Preprocess, ConstantColumnsVanishWithScaleOne) {
    Dataset data = synthetic(10, 4, 2, 0.5, 4);
    data.features.col(1).setConstant(0.1);
    data.features.col(2).setZero();
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    const RowMatrix xs = fitted.scaled(data.features);
    EXPECT_TRUE((xs.middleCols(2, 2).array() == 0.0).all());
    EXPECT_EQ(fitted.column_scale(2), 1.0);
    EXPECT_EQ(fitted.column_scale(3), 1.0);
}

TEST(Preprocess, OneRowLeavesTheBiasAlone) {
    const RowMatrix row = RowMatrix::Constant(1, 3, 7.0);
    const Preprocessing fitted = fit_preprocessing(row, Preset::standard);
    EXPECT_EQ(fitted.factor, 1.0);
    const RowMatrix x = fitted.design(row);
    EXPECT_EQ(x(0, 0), 1.0);
    EXPECT_TRUE((x.rightCols(3).array() == 0.0).all());
}

TEST(Preprocess, PreparesLabelsAndInitialLogits) {
    const Dataset data = synthetic(7, 4, 3, 0.5, 5);
    const Preprocessing raw = fit_preprocessing(data.features, Preset::chiang2023);
    const PreparedData paper = prepare(data.features, data.labels, 3, raw, chiang2023_recipe(2, 7));
    const RowMatrix w0 = RowMatrix::Constant(3, 5, 0.0128);
    EXPECT_LT((paper.z0 - raw.design(data.features) * w0.transpose()).cwiseAbs().maxCoeff(), 1e-15);
    EXPECT_FALSE(paper.zero_start());
    for (int i = 0; i < 7; ++i) {
        for (int k = 0; k < 3; ++k) {
            EXPECT_EQ(paper.y(i, k), data.labels[i] == k ? 1.0 : 0.0);
        }
    }
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    EXPECT_TRUE(prepare(data.features, data.labels, 3, fitted, some_recipe()).zero_start());
}

TEST(Preprocess, RefusesUnusableData) {
    Dataset data = synthetic(6, 3, 2, 0.5, 6);
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    EXPECT_THROW(fit_preprocessing(RowMatrix(0, 3), Preset::standard), Error);
    EXPECT_THROW(fit_preprocessing(RowMatrix(3, 0), Preset::standard), Error);
    EXPECT_THROW(fitted.design(RowMatrix::Zero(2, 4)), Error);
    EXPECT_THROW(prepare(data.features, std::vector<int>(5, 0), 2, fitted, some_recipe()), Error);
    EXPECT_THROW(prepare(data.features, std::vector<int>(6, 2), 2, fitted, some_recipe()), Error);
    EXPECT_THROW(prepare(data.features, std::vector<int>(6, -1), 2, fitted, some_recipe()), Error);
    EXPECT_THROW(prepare(data.features, data.labels, 1, fitted, some_recipe()), Error);
    EXPECT_THROW(prepare(data.features, data.labels, 2, fitted, chiang2023_recipe(1, 6)), Error);
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), 1e200}) {
        data.features(4, 1) = bad;
        EXPECT_THROW(fit_preprocessing(data.features, Preset::standard), Error);
        EXPECT_THROW(fitted.design(data.features), Error);
    }
}

TEST(Preprocess, JsonKeepsEveryBit) {
    const Dataset data = synthetic(9, 6, 2, 0.5, 7);
    const Preprocessing fitted = fit_preprocessing(data.features, Preset::standard);
    const auto read = preprocessing_from_json(nlohmann::json::parse(to_json(fitted).dump()));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->preset, fitted.preset);
    EXPECT_EQ(read->factor, fitted.factor);
    EXPECT_EQ(read->mean, fitted.mean);
    EXPECT_EQ(read->column_scale, fitted.column_scale);
}

TEST(Preprocess, HostileJsonIsCorruptData) {
    const Dataset data = synthetic(5, 2, 2, 0.5, 8);
    const nlohmann::json good = to_json(fit_preprocessing(data.features, Preset::standard));
    const auto expect_corrupt = [](const nlohmann::json& json) {
        const auto read = preprocessing_from_json(json);
        ASSERT_FALSE(read.has_value()) << json.dump();
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
    };
    expect_corrupt(3);
    for (const auto& [key, value] : good.items()) {
        nlohmann::json json = good;
        json.erase(key);
        expect_corrupt(json);
        for (const auto& other :
             {nlohmann::json(), nlohmann::json("x"), nlohmann::json(-1), nlohmann::json::array(),
              nlohmann::json::array({"x"}), nlohmann::json::array({1.0, -1.0, 1e200, 1.0})}) {
            json[key] = other;
            expect_corrupt(json);
        }
    }
    nlohmann::json json = good;
    json["column_scale"][1] = 0.0;
    expect_corrupt(json);
    json = good;
    json["factor"] = 1e300;
    expect_corrupt(json);
}

TEST(Preprocess, UnitStepsTakeOneScaleForAllColumnsAndFoldBack) {
    const Dataset data = synthetic(50, 6, 3, 1.0, 9);
    const Preprocessing fitted =
        fit_preprocessing(data.features, Preset::standard, 0.5, ColumnScale::unit);
    EXPECT_EQ(fitted.factor, 1.0);
    EXPECT_EQ(fitted.mean, Eigen::VectorXd::Zero(6));
    for (const double scale : fitted.column_scale) {
        EXPECT_DOUBLE_EQ(scale, 2.0 / std::sqrt(25.0));
    }
    const RowMatrix xs = fitted.scaled(data.features);
    EXPECT_LT((xs.rightCols(6) - 0.4 * data.features).cwiseAbs().maxCoeff(), 1e-14);
    EXPECT_THROW(fit_preprocessing(data.features, Preset::chiang2023, 1.0, ColumnScale::unit),
                 Error);
}

}  // namespace
}  // namespace cipherfit
