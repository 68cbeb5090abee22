// Plans that are held to a level of security.
#include "cipherfit/train/plan.h"
#include "support/errors.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using nlohmann::json;
using test::throws;

constexpr TrainingShape digits_shape{.samples = 128, .features = 101, .classes = 10};

Recipe recipe_of_iterations(int iterations) {
    return standard_recipe(iterations, 4.0, fit_sigmoid(3, 12.0));
}

TEST(PlanSecurity, TheLevelLimitsTheModulusAndIsRecorded) {
    const TrainingPlan plain = TrainingPlan::create(digits_shape, recipe_of_iterations(3));
    EXPECT_EQ(plain.security(), SecurityLevel::classical_128);
    EXPECT_FALSE(plain.to_json().contains("security"));
    for (const auto level :
         {SecurityLevel::classical_192, SecurityLevel::classical_256, SecurityLevel::quantum_128}) {
        PlanOptions options;
        options.security = level;
        const TrainingPlan plan =
            TrainingPlan::create(digits_shape, recipe_of_iterations(3), options);
        EXPECT_EQ(plan.security(), level);
        EXPECT_LE(plan.parameters().log_qp(),
                  largest_secure_log_qp(plan.parameters().log_n(), level));
        EXPECT_EQ(plan.to_json().at("security"), name(level));
        const auto back = TrainingPlan::from_json(plan.to_json());
        ASSERT_TRUE(back.has_value());
        EXPECT_EQ(back->security(), level);
        EXPECT_EQ(back->hash(), plan.hash());
    }
}

// A plan of the first level that says it has another is refused, and so is one with bootstrappings.
TEST(PlanSecurity, ReadersCheckTheLevel) {
    json forged = TrainingPlan::create(digits_shape, recipe_of_iterations(8)).to_json();
    forged["security"] = "256";
    const auto refused = TrainingPlan::from_json(forged);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::insecure_parameters);
    EXPECT_NE(refused.error().message.find("256-bit"), std::string::npos)
        << refused.error().message;
    for (const json& other : {json("128"), json("512"), json(192), json(nullptr)}) {
        forged["security"] = other;
        EXPECT_FALSE(TrainingPlan::from_json(forged).has_value()) << other;
    }
    PlanOptions options;
    options.refresh = PlanOptions::Refresh::always;
    json refreshed = TrainingPlan::create(digits_shape, recipe_of_iterations(8), options).to_json();
    refreshed["security"] = "192";
    const auto bootstrapped = TrainingPlan::from_json(refreshed);
    ASSERT_FALSE(bootstrapped.has_value());
    EXPECT_EQ(bootstrapped.error().code, ErrorCode::insecure_parameters);
    EXPECT_NE(bootstrapped.error().message.find("bootstrappings"), std::string::npos);
}

TEST(PlanSecurity, RunsThatNeedBootstrappingsAreRefusedWithTheNumbers) {
    PlanOptions options;
    options.security = SecurityLevel::classical_192;
    EXPECT_TRUE(throws(ErrorCode::bad_input,
                       {"100 iterations", "192-bit security", "allows 2411", "at most"}, [&] {
                           static_cast<void>(TrainingPlan::create(
                               digits_shape, recipe_of_iterations(100), options));
                       }));
    options.refresh = PlanOptions::Refresh::always;
    EXPECT_TRUE(throws(ErrorCode::bad_input, {"bootstrappings", "192-bit"}, [&] {
        static_cast<void>(TrainingPlan::create(digits_shape, recipe_of_iterations(8), options));
    }));
}

}  // namespace
}  // namespace cipherfit
