// A joint plan as JSON: refused in one line, or an object that says of itself exactly what was
// read.
#include "cipherfit/solver/joint/plan.h"
#include "fuzz_support.h"

#include <nlohmann/json.hpp>

using namespace cipherfit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = nlohmann::json::parse(data, data + size, nullptr, false);
    if (json.is_discarded()) {
        return 0;
    }
    // Rings that take long to build teach the fuzzer nothing.
    const auto log_n = json.is_object() ? json.value("log_n", nlohmann::json()) : json;
    if (log_n.is_number_unsigned() && log_n.get<std::uint64_t>() > 9 &&
        log_n.get<std::uint64_t>() <= 17) {
        return 0;
    }
    const auto plan = JointPlan::from_json(json);
    claim_clear_refusal(plan);
    if (plan) {
        claim(plan->to_json() == json);
        claim(plan->sigma() > plan->error_bound().total);
    }
    return 0;
}
