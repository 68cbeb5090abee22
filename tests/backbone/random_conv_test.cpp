#include "cipherfit/backbone/random_conv.h"

#include "cipherfit/base/parallel.h"
#include "sample_images.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr ImageShape small_shape{12, 10};

RandomConvOptions small_options() {
    RandomConvOptions options;
    options.shape = small_shape;
    options.filter_size = 3;
    options.filters = 6;
    options.grid = 2;
    options.components = 9;
    return options;
}

std::unique_ptr<RandomConvFeatures> fitted(Eigen::Index n = 40) {
    auto extractor = RandomConvFeatures::create(small_options());
    extractor->fit(sample_images(n, small_shape));
    return extractor;
}

template <class Call>
ErrorInfo error_of(const Call& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.info();
    }
    return {ErrorCode::internal, "nothing was thrown"};
}

TEST(RandomConv, PreservesShapesAndNames) {
    auto extractor = RandomConvFeatures::create(small_options());
    EXPECT_EQ(extractor->name(), "random-conv");
    EXPECT_EQ(extractor->input_shape(), small_shape);
    EXPECT_EQ(extractor->input_dimension(), small_shape.pixels());
    EXPECT_EQ(extractor->output_dimension(), 0);
    EXPECT_EQ(extractor->pooled(sample_images(3, small_shape)).cols(), 6 * 4);
    extractor->fit(sample_images(40, small_shape));
    EXPECT_EQ(extractor->output_dimension(), 9);
    EXPECT_EQ(extractor->transform(sample_images(3, small_shape)).cols(), 9);
    EXPECT_EQ(extractor->transform(RowMatrix(0, 120)).rows(), 0);
}

TEST(RandomConv, FewImagesGiveFewerComponents) {
    EXPECT_EQ(fitted(5)->output_dimension(), 4);
}

TEST(RandomConv, TransformIsTheProjectionOfThePooledFeatures) {
    auto extractor = RandomConvFeatures::create(small_options());
    const RowMatrix train = sample_images(40, small_shape);
    extractor->fit(train);
    const PrincipalComponents expected =
        fit_principal_components(extractor->pooled(train), 9, 0.75);
    const RowMatrix others = sample_images(70, small_shape, 5);
    EXPECT_EQ(extractor->transform(others), expected.project(extractor->pooled(others)));
}

TEST(RandomConv, DoesNotDependOnTheNumberOfThreads) {
    const RowMatrix images = sample_images(150, small_shape, 3);
    set_thread_count(1);
    const RowMatrix one = fitted()->transform(images);
    set_thread_count(5);
    const RowMatrix five = fitted()->transform(images);
    set_thread_count(0);
    EXPECT_EQ(one, five);
}

TEST(RandomConv, TellsHowManyImagesAreDoneAndCanBeStopped) {
    // More than one piece of 4,096.
    const RowMatrix images = sample_images(40, small_shape).replicate(110, 1);
    using Reports = std::vector<std::pair<Eigen::Index, Eigen::Index>>;
    const Reports expected{{4096, 4400}, {4400, 4400}};
    Reports reports;
    const FeatureProgress collect = [&reports](Eigen::Index done, Eigen::Index total) {
        reports.emplace_back(done, total);
    };
    auto extractor = RandomConvFeatures::create(small_options());
    extractor->fit(images, collect);
    EXPECT_EQ(reports, expected);
    reports.clear();
    const RowMatrix all = extractor->transform(images, collect);
    EXPECT_EQ(reports, expected);
    EXPECT_EQ(all.bottomRows(40), all.topRows(40));

    const nlohmann::json before = extractor->state();
    const FeatureProgress stop = [](Eigen::Index, Eigen::Index) {
        throw Error(ErrorCode::interrupted, "stop");
    };
    EXPECT_EQ(error_of([&] { extractor->fit(sample_images(50, small_shape, 9), stop); }).code,
              ErrorCode::interrupted);
    EXPECT_EQ(extractor->state(), before);
}

TEST(RandomConv, FeaturesOfAnImageDependOnThatImageAlone) {
    const auto extractor = fitted();
    const RowMatrix images = sample_images(150, small_shape, 3);
    const RowMatrix all = extractor->transform(images);
    for (const Eigen::Index i : {0, 63, 64, 149}) {
        EXPECT_EQ(extractor->transform(images.row(i)), all.row(i)) << i;
    }
}

TEST(RandomConv, UnitRowsAreThoseOfTheirNorm) {
    RandomConvOptions options = small_options();
    options.threshold = 0.0;
    RowMatrix images = sample_images(40, small_shape);
    images.row(3).setZero();
    // Twice as bright is the same image.
    images.row(5) = (images.row(4) / 4).array().floor();
    images.row(4) = 2 * images.row(5);
    const RowMatrix plain = RandomConvFeatures::create(options)->pooled(images);
    options.unit_rows = true;
    auto extractor = RandomConvFeatures::create(options);
    const RowMatrix unit = extractor->pooled(images);
    EXPECT_EQ(unit.row(3).cwiseAbs().maxCoeff(), 0.0);
    for (Eigen::Index i = 0; i < images.rows(); ++i) {
        if (i != 3) {
            EXPECT_LT((unit.row(i) - plain.row(i) / plain.row(i).norm()).cwiseAbs().maxCoeff(),
                      1e-15)
                << i;
        }
    }
    extractor->fit(images);
    EXPECT_EQ(extractor->state()["format"], 2);
    const auto again = value_or_throw(feature_extractor_from_json(extractor->state()));
    EXPECT_EQ(again->transform(images), extractor->transform(images));
    EXPECT_LT((unit.row(4) - unit.row(5)).cwiseAbs().maxCoeff(), 1e-15);
}

TEST(RandomConv, SeedDecidesTheFeatures) {
    const RowMatrix images = sample_images(4, small_shape);
    RandomConvOptions other = small_options();
    other.seed = 2;
    EXPECT_NE(RandomConvFeatures::create(small_options())->pooled(images),
              RandomConvFeatures::create(other)->pooled(images));
}

TEST(RandomConv, RefusesOptionsOutOfRange) {
    const auto code_with = [](auto change) {
        RandomConvOptions options = small_options();
        change(options);
        return error_of([&] { RandomConvFeatures::create(options); }).code;
    };
    EXPECT_EQ(code_with([](auto& o) { o.shape.height = 1; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.shape.width = 5000; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.filter_size = 1; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.filter_size = 11; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.filters = 0; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.grid = 9; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.components = 25; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.threshold = -0.1; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.whitening = 1.01; }), ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.threshold = std::numeric_limits<double>::quiet_NaN(); }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(code_with([](auto& o) { o.grid = 8; }), ErrorCode::internal);  // the largest there is
}

TEST(RandomConv, RefusesImagesOfAnotherSize) {
    const auto extractor = fitted();
    const ErrorInfo error = error_of([&] { extractor->transform(RowMatrix::Zero(2, 784)); });
    EXPECT_EQ(error.code, ErrorCode::bad_input);
    EXPECT_NE(error.message.find("784"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("12 x 10 = 120"), std::string::npos) << error.message;
    EXPECT_EQ(error_of([&] { extractor->fit(RowMatrix::Zero(2, 119)); }).code,
              ErrorCode::bad_input);
}

TEST(RandomConv, RefusesPixelsOutOfRange) {
    const auto extractor = fitted();
    for (const double bad : {-1.0, 256.0, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
        RowMatrix images = sample_images(70, small_shape);
        images(66, 7) = bad;
        const ErrorInfo error = error_of([&] { extractor->transform(images); });
        EXPECT_EQ(error.code, ErrorCode::bad_input);
        EXPECT_NE(error.message.find("pixel 8 of image 67"), std::string::npos) << error.message;
    }
}

TEST(RandomConv, RefusesToFitScaledEqualOrTooFewImages) {
    auto extractor = RandomConvFeatures::create(small_options());
    const RowMatrix images = sample_images(10, small_shape);
    EXPECT_NE(error_of([&] { extractor->fit(images / 255.0); }).message.find("multiply"),
              std::string::npos);
    EXPECT_EQ(error_of([&] { extractor->fit(images.topRows(1)); }).code, ErrorCode::bad_input);
    EXPECT_EQ(error_of([&] { extractor->fit(RowMatrix(0, 120)); }).code, ErrorCode::bad_input);
    EXPECT_EQ(error_of([&] { extractor->fit(images.row(0).replicate(5, 1)); }).code,
              ErrorCode::bad_input);
    EXPECT_EQ(error_of([&] { extractor->fit(RowMatrix::Zero(5, 120)); }).code,
              ErrorCode::bad_input);
}

TEST(RandomConv, RefusesUseBeforeFit) {
    const auto extractor = RandomConvFeatures::create(small_options());
    EXPECT_EQ(error_of([&] { extractor->transform(RowMatrix::Zero(1, 120)); }).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(error_of([&] { extractor->state(); }).code, ErrorCode::invalid_argument);
}

class RandomConvFile : public testing::Test {
  protected:
    RandomConvFile() : file_(testing::TempDir() + "features." + std::to_string(::getpid())) {}
    ~RandomConvFile() override { std::filesystem::remove(file_); }
    const std::filesystem::path& file() const { return file_; }

  private:
    std::filesystem::path file_;
};

TEST_F(RandomConvFile, SurvivesARoundTripBitForBit) {
    const auto extractor = fitted();
    save_feature_extractor(*extractor, file());
    const auto loaded = load_feature_extractor(file());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ((*loaded)->name(), extractor->name());
    EXPECT_EQ((*loaded)->input_dimension(), small_shape.pixels());
    EXPECT_EQ((*loaded)->state(), extractor->state());
    const RowMatrix images = sample_images(20, small_shape, 8);
    EXPECT_EQ((*loaded)->transform(images), extractor->transform(images));
    struct stat status{};
    ASSERT_EQ(::stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(RandomConvFile, RefusesWhatIsNoState) {
    EXPECT_EQ(load_feature_extractor(file()).error().code, ErrorCode::io_failure);
    std::ofstream(file()) << "{\"kind\": \"random-conv\"";
    EXPECT_EQ(load_feature_extractor(file()).error().code, ErrorCode::corrupt_data);
    EXPECT_THROW(save_feature_extractor(*fitted(), file() / "below" / "a-file"), Error);
}

TEST(RandomConvState, RefusesEveryDamage) {
    const nlohmann::json good = fitted()->state();
    ASSERT_TRUE(feature_extractor_from_json(good));
    const auto code_with = [&good](auto change) {
        nlohmann::json json = good;
        change(json);
        const auto result = feature_extractor_from_json(json);
        return result ? ErrorCode::internal : result.error().code;
    };
    const auto corrupt = ErrorCode::corrupt_data;
    EXPECT_EQ(code_with([](auto& j) { j = nlohmann::json::array(); }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["kind"] = "resnet"; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["kind"] = 3; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["format"] = 3; }), ErrorCode::unsupported_version);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["unit_rows"] = 1; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["grid"] = 1000; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["grid"] = 1.5; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["seed"] = -1; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["seed"] = 2; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["threshold"] = "x"; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["options"]["components"] = 8; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["mean"].push_back(0.0); }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["mean"] = 1.0; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["projection"][3] = nullptr; }), corrupt);
    EXPECT_EQ(code_with([](auto& j) { j["filters_sha256"] = std::string(64, '0'); }), corrupt);
    for (const char* key : {"kind", "options", "mean", "standard_deviation", "projection"}) {
        EXPECT_EQ(code_with([key](auto& j) { j.erase(key); }), corrupt) << key;
    }
}

}  // namespace
}  // namespace cipherfit
