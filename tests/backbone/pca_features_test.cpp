#include "cipherfit/backbone/pca_features.h"

#include "support/errors.h"

#include <filesystem>
#include <random>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

RowMatrix sample(Eigen::Index rows, Eigen::Index columns, unsigned seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<double> normal;
    RowMatrix values(rows, columns);
    for (double& value : values.reshaped()) {
        value = normal(engine);
    }
    for (Eigen::Index j = 0; j < columns; ++j) {
        values.col(j) *= static_cast<double>(j + 1);
    }
    return values.array() + 3.0;
}

std::unique_ptr<PcaFeatures> fitted(const PcaOptions& options, const RowMatrix& rows) {
    auto extractor = PcaFeatures::create(options);
    extractor->fit(rows);
    return extractor;
}

// The standard deviation of component j becomes std_j^(1 - whitening), and components do not
// correlate, whatever the whitening.
TEST(PcaFeatures, WhitenInPart) {
    const RowMatrix rows = sample(200, 8, 1);
    const auto plain = fitted({.components = 5, .whitening = 0.0}, rows);
    const RowMatrix unscaled = plain->transform(rows);
    for (const double whitening : {0.25, 0.5, 1.0}) {
        const RowMatrix x =
            fitted({.components = 5, .whitening = whitening}, rows)->transform(rows);
        const Eigen::MatrixXd covariance = x.transpose() * x / 200.0;
        for (Eigen::Index j = 0; j < 5; ++j) {
            const double deviation = std::sqrt(unscaled.col(j).squaredNorm() / 200.0);
            EXPECT_NEAR(std::sqrt(covariance(j, j)), std::pow(deviation, 1.0 - whitening), 1e-9);
            for (Eigen::Index k = 0; k < j; ++k) {
                EXPECT_NEAR(covariance(j, k), 0.0, 1e-9);
            }
        }
    }
}

TEST(PcaFeatures, KeepAsManyComponentsAsThereAreUnlessANumberIsAskedFor) {
    const RowMatrix rows = sample(6, 20, 2);
    EXPECT_EQ(fitted({}, rows)->output_dimension(), 5);
    EXPECT_EQ(fitted({.components = 5}, rows)->output_dimension(), 5);
    EXPECT_EQ(fitted({}, sample(200, 150, 2))->output_dimension(), PcaFeatures::default_components);
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"6 principal", "6 training", "rank 5"},
                             [&] { fitted({.components = 6}, rows); }));
}

TEST(PcaFeatures, RefuseWhatDoesNotFit) {
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"-1"},
                             [] { PcaFeatures::create({.components = -1}); }));
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"1.5"},
                             [] { PcaFeatures::create({.whitening = 1.5}); }));
    const auto extractor = PcaFeatures::create({});
    EXPECT_TRUE(test::throws(ErrorCode::invalid_argument, {"fit()"},
                             [&] { extractor->transform(sample(3, 4, 1)); }));
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"1 training row"},
                             [&] { extractor->fit(sample(1, 4, 1)); }));
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"equal"},
                             [&] { extractor->fit(RowMatrix::Ones(9, 4)); }));
    extractor->fit(sample(9, 4, 1));
    EXPECT_TRUE(test::throws(ErrorCode::bad_input, {"5", "4"},
                             [&] { extractor->transform(sample(3, 5, 1)); }));
}

TEST(PcaFeatures, SurviveARoundTripBitForBit) {
    const auto extractor = fitted({.components = 3}, sample(30, 6, 3));
    const auto file = std::filesystem::temp_directory_path() /
                      fmt::format("cipherfit-pca-{}.json", static_cast<long>(getpid()));
    save_feature_extractor(*extractor, file);
    const auto loaded = load_feature_extractor(file);
    std::filesystem::remove(file);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const RowMatrix rows = sample(10, 6, 4);
    EXPECT_EQ((*loaded)->transform(rows), extractor->transform(rows));
    EXPECT_EQ((*loaded)->name(), "pca");
    EXPECT_EQ((*loaded)->input_dimension(), 6);
}

TEST(PcaFeatures, RefuseDamagedStates) {
    const nlohmann::json good = fitted({.components = 3}, sample(30, 6, 3))->state();
    ASSERT_TRUE(feature_extractor_from_json(good));
    for (const char* key : {"mean", "standard_deviation", "projection", "whitening", "format"}) {
        nlohmann::json bad = good;
        bad.erase(key);
        EXPECT_EQ(feature_extractor_from_json(bad).error().code, ErrorCode::corrupt_data) << key;
        bad[key] = "text";
        EXPECT_FALSE(feature_extractor_from_json(bad)) << key;
    }
    nlohmann::json bad = good;
    bad["mean"].push_back(1.0);
    EXPECT_EQ(feature_extractor_from_json(bad).error().code, ErrorCode::corrupt_data);
    bad = good;
    bad["format"] = 2;
    EXPECT_EQ(feature_extractor_from_json(bad).error().code, ErrorCode::unsupported_version);
}

}  // namespace
}  // namespace cipherfit
