#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/solver/joint/plan.h"
#include "solver/joint/plan_choice.h"

#include <bit>
#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr int format_version = 1;

nlohmann::json task_json(const JointTask& task) {
    nlohmann::json json{
        {"columns", task.columns},       {"classes", task.classes},
        {"iterations", task.iterations}, {"holders", task.holders},
        {"threshold", task.threshold},   {"contributors", task.contributors},
        {"kappa", task.kappa},           {"ridge", task.ridge},
        {"lowest", task.lowest},         {"largest_weight", task.largest_weight},
        {"least_bits", task.least_bits}, {"insecure_for_tests_only", task.insecure_for_tests_only}};
    if (task.log_n) {
        json["log_n"] = *task.log_n;
    }
    return json;
}

template <class T>
T count_from(const nlohmann::json& json, const char* key) {
    const nlohmann::json& value = json.at(key);
    require(value.is_number_unsigned() && value.get<std::uint64_t>() <= (1U << 20U),
            ErrorCode::corrupt_data, "the joint plan's {} is no number that fits", key);
    return static_cast<T>(value.get<std::uint64_t>());
}

JointTask task_from(const nlohmann::json& json) {
    JointTask task;
    task.columns = count_from<std::size_t>(json, "columns");
    task.classes = count_from<std::size_t>(json, "classes");
    task.iterations = count_from<int>(json, "iterations");
    task.holders = count_from<unsigned>(json, "holders");
    task.threshold = count_from<unsigned>(json, "threshold");
    task.contributors = count_from<unsigned>(json, "contributors");
    task.kappa = json.at("kappa").get<double>();
    task.ridge = json.at("ridge").get<double>();
    task.lowest = json.at("lowest").get<double>();
    task.largest_weight = json.at("largest_weight").get<double>();
    task.least_bits = json.at("least_bits").get<double>();
    task.insecure_for_tests_only = json.at("insecure_for_tests_only").get<bool>();
    if (json.contains("log_n")) {
        task.log_n = count_from<unsigned>(json, "log_n");
    }
    return task;
}

// What machines may compute differently in the last bits, since it takes logarithms. All else
// must be equal.
bool nearly(double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::abs(b);
}

}  // namespace

nlohmann::json JointPlan::to_json() const {
    nlohmann::json steps = nlohmann::json::array();
    for (const JointStep& step : steps_) {
        steps.push_back({step.kept, step.previous, step.update});
    }
    nlohmann::json states = nlohmann::json::array();
    for (int t = 1; t <= task_.iterations; ++t) {
        states.push_back(state_scale(t));
    }
    nlohmann::json primes = nlohmann::json::array();
    for (std::size_t i = 0; i <= parameters_.max_level(); ++i) {
        primes.push_back(parameters_.q(i));
    }
    nlohmann::json special = nlohmann::json::array();
    for (std::size_t i = 0; i < parameters_.special_primes(); ++i) {
        special.push_back(parameters_.p(i));
    }
    return {{"version", format_version},
            {"task", task_json(task_)},
            {"log_n", parameters_.log_n()},
            {"prime_bits", choice_of(*this).prime_bits},
            {"primes", primes},
            {"special_primes", special},
            {"digits", parameters_.digits()},
            {"babies", layout_.babies()},
            {"hoisted", layout_.hoisted()},
            {"steps", steps},
            {"upload_scale", upload_scale_},
            {"moments_scale", moments_scale_},
            {"state_scales", states},
            {"release_level", release_level()},
            {"gap", gap()},
            {"error_bound", bound_.total},
            {"releases", releases()},
            {"sigma", sigma_}};
}

Digest JointPlan::digest() const {
    const std::string text = to_json().dump();
    return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Expected<JointPlan> JointPlan::from_json(const nlohmann::json& json) {
    const auto wrong = [](std::string_view why) {
        return make_error(ErrorCode::corrupt_data, "the joint plan is not valid: {}", why);
    };
    try {
        if (json.at("version") != format_version) {
            return make_error(ErrorCode::unsupported_version,
                              "the joint plan has another version than {}: use the program that "
                              "made it",
                              format_version);
        }
        const JointTask task = task_from(json.at("task"));
        if (auto checked = check_joint_task(task); !checked) {
            return wrong(checked.error().message);
        }
        const JointChoice choice{count_from<unsigned>(json, "log_n"),
                                 count_from<unsigned>(json, "prime_bits")};
        if (!joint_choice_fits(task, choice)) {
            return wrong("its ring does not fit its task");
        }
        std::optional<JointPlan> plan = assemble_joint_plan(task, choice);
        if (!plan) {
            return wrong("its ring is below 128 bits of security");
        }
        const double bound = json.at("error_bound").get<double>();
        const double sigma = json.at("sigma").get<double>();
        const double needed = flooding_sigma(
            {.kappa = task.kappa, .releases = plan->releases(), .error_norm = plan->bound_.total});
        // A larger one costs bits and nothing else; the last step of its rounding may differ.
        if (!nearly(bound, plan->bound_.total) || !(sigma >= needed * (1 - 1e-6)) ||
            !(sigma <= needed * 1.01)) {
            return wrong("its noise does not fit its bound");
        }
        plan->bound_.total = bound;
        plan->sigma_ = sigma;
        if (plan->to_json() != json) {
            return wrong("a number in it does not follow from its task");
        }
        return std::move(*plan);
    } catch (const Error& error) {
        return wrong(error.what());
    } catch (const nlohmann::json::exception&) {
        return wrong("a member is missing or of another type");
    }
}

}  // namespace cipherfit
