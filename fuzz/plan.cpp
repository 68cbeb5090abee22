// A plan as JSON and parameters as bytes: refused in one line, or an object that says of itself
// exactly what was read.
#include "cipherfit/train/plan.h"

#include "fuzz_support.h"

#include <span>

#include <nlohmann/json.hpp>

using namespace cipherfit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = nlohmann::json::parse(data, data + size, nullptr, false);
    if (!json.is_discarded()) {
        // Rings that take long to build teach the fuzzer nothing.
        const auto log_n = json.is_object() ? json.value("log_n", nlohmann::json()) : json;
        if (!log_n.is_number_unsigned() || log_n.get<std::uint64_t>() <= 9 ||
            log_n.get<std::uint64_t>() > 17) {
            const auto plan = TrainingPlan::from_json(json);
            claim_clear_refusal(plan);
            if (plan) {
                claim(plan->to_json() == json);
                claim(plan->keys().levels().size() < 10'000);
            }
        }
    }
    if (size >= 8 && (data[0] <= 9 || data[0] > 17)) {
        const auto parameters = Parameters::from_bytes({data, size});
        claim_clear_refusal(parameters);
        if (parameters) {
            const auto bytes = parameters->to_bytes();
            claim(std::equal(bytes.begin(), bytes.end(), data, data + size));
            claim(parameters->security_bits() == 128 || parameters->insecure_for_tests_only());
        }
    }
    return 0;
}
