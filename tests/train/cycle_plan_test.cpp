// Plans that were edited to have fewer levels between bootstrappings than an iteration takes.
#include "cipherfit/train/plan.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

TEST(CyclesOfAPlan, ThatAreTooShortForAnIterationAreRefusedInOneLine) {
    for (const std::string_view solver : {"primal", "dual"}) {
        for (const int degree : {1, 3}) {
            PlanOptions options;
            options.solver = solver;
            options.log_n = 10;
            options.memory_limit_bytes = 1e12;
            options.insecure_for_tests_only = true;
            options.refresh = PlanOptions::Refresh::always;
            options.refresh_range = 4;
            const TrainingPlan plan = TrainingPlan::create(
                {20, 30, 4}, standard_recipe(6, 1, fit_sigmoid(degree, 8)), options);
            ASSERT_GT(plan.refresh_count(), 0U);
            const nlohmann::json good = plan.to_json();
            ASSERT_TRUE(TrainingPlan::from_json(good));
            const int sigmoid = degree == 1 ? 1 : 2;
            // A spare level for the dual's mask.
            const int needed = sigmoid + 2;
            for (int levels = -1; levels < needed; ++levels) {
                nlohmann::json edited = good;
                edited["refresh"]["levels"] = levels;
                const auto read = TrainingPlan::from_json(edited);
                ASSERT_FALSE(read) << levels;
                EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
                EXPECT_NE(read.error().message.find("the plan cannot be used: "),
                          std::string::npos);
                EXPECT_EQ(read.error().message.find('\n'), std::string::npos);
                EXPECT_LT(read.error().message.size(), 300U);
                // With the chain that goes with it, too: of the bootstrapping, less what is gone.
                edited["q"].erase(edited["q"].begin() + 1,
                                  edited["q"].begin() + 1 +
                                      (good["refresh"]["levels"].get<int>() - std::max(0, levels)));
                const auto shorter = TrainingPlan::from_json(edited);
                ASSERT_FALSE(shorter) << levels;
                EXPECT_EQ(shorter.error().code, ErrorCode::corrupt_data);
                EXPECT_EQ(shorter.error().message.find('\n'), std::string::npos);
                EXPECT_LT(shorter.error().message.size(), 300U) << shorter.error().message;
            }
        }
    }
}

}  // namespace
}  // namespace cipherfit
