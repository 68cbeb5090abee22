#include "cipherfit/train/recipe.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

TEST(Recipe, StandardStartsNesterovAtOne) {
    const Recipe recipe = standard_recipe(4, 12.0, fit_sigmoid(3, 12.0));
    ASSERT_TRUE(check(recipe).has_value());
    EXPECT_EQ(recipe.steps, (std::vector<double>{12.0, 12.0, 12.0, 12.0}));
    // a = 1, (1 + sqrt 5) / 2, ...: eta_0 = 0, so that the first extrapolation is void.
    EXPECT_EQ(recipe.etas[0], 0.0);
    const double golden = (1.0 + std::sqrt(5.0)) / 2.0;
    EXPECT_NEAR(recipe.etas[1],
                (1.0 - golden) / ((1.0 + std::sqrt(1.0 + 4.0 * golden * golden)) / 2.0), 1e-15);
    for (std::size_t t = 1; t < recipe.etas.size(); ++t) {
        EXPECT_LT(recipe.etas[t], recipe.etas[t - 1]);
        EXPECT_GT(recipe.etas[t], -1.0);
    }
    EXPECT_EQ(recipe.gradient_at, ModelSequence::extrapolated);
    EXPECT_EQ(recipe.model, ModelSequence::main);
    EXPECT_EQ(recipe.initial_weight, 0.0);
}

TEST(Recipe, ThePaperStartsNearZeroAndDecaysItsStep) {
    const Recipe recipe = chiang2023_recipe(3, 128);
    ASSERT_TRUE(check(recipe).has_value());
    const double a1 = (1.0 + std::sqrt(1.0004)) / 2.0;
    EXPECT_NEAR(recipe.etas[0], 0.99 / a1, 1e-15);
    EXPECT_EQ(recipe.steps,
              (std::vector<double>{1.0 + 1.0 / 128, 1.0 + 1.0 / 256, 1.0 + 1.0 / 384}));
    EXPECT_EQ(recipe.initial_weight, 0.0128);
    EXPECT_EQ(recipe.gradient_at, ModelSequence::main);
    EXPECT_EQ(recipe.model, ModelSequence::extrapolated);
}

TEST(Recipe, RefusesValuesOutOfRange) {
    const SigmoidPolynomial sigmoid = fit_sigmoid(3, 8.0);
    EXPECT_THROW(standard_recipe(0, 8.0, sigmoid), Error);
    EXPECT_THROW(standard_recipe(max_iterations + 1, 8.0, sigmoid), Error);
    EXPECT_THROW(standard_recipe(2, 0.0, sigmoid), Error);
    EXPECT_THROW(standard_recipe(2, std::nan(""), sigmoid), Error);
    EXPECT_THROW(standard_recipe(2, 8.0, SigmoidPolynomial{}), Error);
    EXPECT_THROW(chiang2023_recipe(2, 0), Error);
    EXPECT_THROW(chiang2023_recipe(0, 10), Error);

    const Recipe good = standard_recipe(2, 8.0, sigmoid);
    Recipe recipe = good;
    recipe.steps.pop_back();
    EXPECT_FALSE(check(recipe).has_value());
    recipe = good;
    recipe.etas[1] = 1.5;
    ASSERT_FALSE(check(recipe).has_value());
    EXPECT_NE(check(recipe).error().message.find("etas[1] = 1.5"), std::string::npos);
    recipe = good;
    recipe.initial_weight = std::nan("");
    EXPECT_FALSE(check(recipe).has_value());
}

TEST(Recipe, JsonKeepsEveryBit) {
    for (const Recipe& recipe :
         {standard_recipe(30, 1.0 / 3.0, fit_sigmoid(7, 10.1)), chiang2023_recipe(200, 127)}) {
        const auto read = recipe_from_json(nlohmann::json::parse(to_json(recipe).dump()));
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ(*read, recipe);
    }
}

TEST(Recipe, HostileJsonIsCorruptData) {
    const nlohmann::json good = to_json(chiang2023_recipe(2, 128));
    const auto expect_corrupt = [](const nlohmann::json& json) {
        const auto read = recipe_from_json(json);
        ASSERT_FALSE(read.has_value()) << json.dump();
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data) << json.dump();
    };
    expect_corrupt(nullptr);
    expect_corrupt(nlohmann::json::array());
    const nlohmann::json wrong = {
        nullptr, "x", -7, 1e300, nlohmann::json::array({"x"}), 2.5, true, 18446744073709551615ULL};
    for (const auto& [key, value] : good.items()) {
        nlohmann::json json = good;
        json.erase(key);
        expect_corrupt(json);
        for (const auto& other : wrong) {
            if (key == "initial_weight" && (other == 2.5 || other == -7)) {
                continue;  // a legitimate value
            }
            json[key] = other;
            expect_corrupt(json);
        }
    }
    nlohmann::json json = good;
    json["steps"].push_back(1.0);
    expect_corrupt(json);
    json = good;
    json["iterations"] = 3;
    expect_corrupt(json);
}

TEST(Recipe, PresetsAreFoundByName) {
    EXPECT_EQ(preset_from_name("standard"), Preset::standard);
    EXPECT_EQ(preset_from_name(name(Preset::chiang2023)), Preset::chiang2023);
    const auto unknown = preset_from_name("fast");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().code, ErrorCode::bad_input);
}

}  // namespace
}  // namespace cipherfit
