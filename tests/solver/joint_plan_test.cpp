// The plan of several owners' training: ring, scales, budget, refusals, JSON.
#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/rlwe/security.h"
#include "support/joint_tasks.h"

#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

using test::full_joint_task;
using test::toy_joint_task;

TEST(JointPlan, FullSizeHasTheBudget) {
    const JointPlan plan = value_or_throw(JointPlan::create(full_joint_task()));
    const Parameters& parameters = plan.parameters();
    EXPECT_EQ(parameters.log_n(), 15U);
    EXPECT_EQ(parameters.security_bits(), 128U);
    EXPECT_LE(parameters.log_qp(), largest_secure_log_qp(15, SecurityLevel::classical_128));
    EXPECT_EQ(parameters.max_level(), 15U);
    EXPECT_EQ(plan.gap(), 4U);
    EXPECT_EQ(plan.releases(), 4U);
    EXPECT_GE(plan.release_bits(), 6);
    EXPECT_GE(plan.sigma(),
              flooding_sigma({.kappa = 30, .releases = 4, .error_norm = plan.error_bound().total}));
    EXPECT_LE(plan.contributor_upload_bytes(), 20'000'000U);
    EXPECT_LE(plan.dealer_upload_bytes(), 500'000'000U);
    RecordProperty("log_qp", std::to_string(parameters.log_qp()));
    RecordProperty("digits", std::to_string(parameters.digits()));
    RecordProperty("special_primes", std::to_string(parameters.special_primes()));
    RecordProperty("upload_scale", std::to_string(std::log2(plan.upload_scale())));
    RecordProperty("release_scale", std::to_string(std::log2(plan.release_scale())));
    RecordProperty("release_bits", std::to_string(plan.release_bits()));
    const JointErrorBound& bound = plan.error_bound();
    for (const auto& [name, value] : {std::pair<const char*, double>{"gram", bound.gram},
                                      {"unpacking", bound.unpacking},
                                      {"turns", bound.turns},
                                      {"rounding", bound.rounding},
                                      {"moments", bound.moments},
                                      {"encoding", bound.encoding},
                                      {"total", bound.total}}) {
        RecordProperty(name, std::to_string(std::log2(value)));
    }
    RecordProperty("keys", std::to_string(plan.keys().levels().size()));
    RecordProperty("dealer_upload", std::to_string(plan.dealer_upload_bytes()));
    RecordProperty("contributor_upload", std::to_string(plan.contributor_upload_bytes()));
    RecordProperty("server_memory", std::to_string(plan.server_memory_bytes()));
}

// Larger problems are planned, at their price.
TEST(JointPlan, LargeProblemsHavePlans) {
    if (std::getenv("CIPHERFIT_SMALL_RINGS") != nullptr) {
        GTEST_SKIP() << "plans rings of full size";
    }
    JointTask task = full_joint_task();
    task.columns = 401;
    const auto wide = JointPlan::create(task);
    ASSERT_TRUE(wide.has_value());
    EXPECT_LE(wide->contributor_upload_bytes(), 40'000'000U);
    if (std::getenv("CIPHERFIT_FULL") == nullptr) {
        return;
    }
    task.columns = 1024;
    const auto wider = JointPlan::create(task);
    ASSERT_TRUE(wider.has_value());
    EXPECT_LE(wider->dealer_upload_bytes(), 500'000'000U);
    RecordProperty("upload_of_1024", std::to_string(wider->contributor_upload_bytes()));
    RecordProperty("memory_of_1024", std::to_string(wider->server_memory_bytes()));
    RecordProperty("bits_of_1024", std::to_string(wider->release_bits()));
    task.columns = 256;
    task.classes = 100;
    const auto many = JointPlan::create(task);
    ASSERT_TRUE(many.has_value());
    RecordProperty("log_n_of_100_classes", std::to_string(many->parameters().log_n()));
    RecordProperty("bits_of_100_classes", std::to_string(many->release_bits()));
    task.classes = 10;
    task.iterations = 16;
    const auto long_plan = JointPlan::create(task);
    ASSERT_TRUE(long_plan.has_value());
    EXPECT_EQ(long_plan->parameters().log_n(), 16U);
    RecordProperty("bits_of_16_iterations", std::to_string(long_plan->release_bits()));
    RecordProperty("upload_of_16", std::to_string(long_plan->contributor_upload_bytes()));
    RecordProperty("dealer_of_16", std::to_string(long_plan->dealer_upload_bytes()));
    RecordProperty("memory_of_16", std::to_string(long_plan->server_memory_bytes()));
}

TEST(JointPlan, RefusesWhatLeavesTooFewBitsOrFitsNowhere) {
    const auto message = [](const JointTask& task) {
        const auto plan = JointPlan::create(task);
        return plan.has_value() ? std::string() : plan.error().message;
    };
    JointTask task = full_joint_task();
    task.kappa = 90;
    task.log_n = 15;
    EXPECT_NE(message(task).find("bits of the largest weight"), std::string::npos);
    EXPECT_NE(message(task).find("fewer iterations"), std::string::npos);
    task = full_joint_task();
    task.iterations = 16;
    task.log_n = 15;
    EXPECT_NE(message(task).find("16 iterations fit no ring"), std::string::npos);
    task = toy_joint_task();
    task.iterations = 64;
    EXPECT_NE(message(task).find("64 iterations fit no ring"), std::string::npos);
    task = full_joint_task();
    task.columns = 60000;
    task.classes = 1000;
    EXPECT_NE(message(task).find("take fewer of either"), std::string::npos);
    for (const auto& change : std::vector<std::function<void(JointTask&)>>{
             [](JointTask& t) { t.columns = 1; }, [](JointTask& t) { t.iterations = 1; },
             [](JointTask& t) { t.threshold = 9; }, [](JointTask& t) { t.contributors = 0; },
             [](JointTask& t) { t.kappa = 29; }, [](JointTask& t) { t.ridge = 0; },
             [](JointTask& t) { t.lowest = 0.001; }, [](JointTask& t) { t.log_n = 11; }}) {
        task = full_joint_task();
        change(task);
        EXPECT_NE(message(task).find("joint training takes"), std::string::npos);
    }
}

TEST(JointPlan, ComesBackFromItsJsonAndNothingElseDoes) {
    const JointPlan plan = value_or_throw(JointPlan::create(toy_joint_task()));
    const nlohmann::json json = plan.to_json();
    const auto back = JointPlan::from_json(nlohmann::json::parse(json.dump()));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->digest(), plan.digest());
    EXPECT_EQ(back->keys().levels(), plan.keys().levels());
    EXPECT_EQ(value_or_throw(JointPlan::create(toy_joint_task())).digest(), plan.digest());
    const auto refused = [&](const char* key, const nlohmann::json& value) {
        nlohmann::json changed = json;
        changed[key] = value;
        EXPECT_FALSE(JointPlan::from_json(changed).has_value()) << key;
    };
    refused("sigma", plan.sigma() / 2);
    refused("sigma", plan.sigma() * 2);
    refused("sigma", "many");
    refused("error_bound", plan.error_bound().total / 2);
    refused("upload_scale", plan.upload_scale() * 2);
    refused("prime_bits", 20);
    refused("log_n", 10);
    refused("version", 2);
    refused("steps", nlohmann::json::array());
    refused("extra", 1);
    nlohmann::json changed = json;
    changed["task"]["kappa"] = 31;
    EXPECT_FALSE(JointPlan::from_json(changed).has_value());
    changed = json;
    changed["task"].erase("ridge");
    EXPECT_FALSE(JointPlan::from_json(changed).has_value());
    EXPECT_FALSE(JointPlan::from_json(nlohmann::json::array()).has_value());
}

}  // namespace
}  // namespace cipherfit
