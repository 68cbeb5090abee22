// The files of a job as both parties read them, by the kind that their header says: plan, keys,
// data, checkpoint and model of one small job. What is accepted fits the plan.
#include "cipherfit/protocol/job_files.h"

#include "cipherfit/train/recipe.h"
#include "container_digests.h"

namespace cipherfit {
namespace {

const Job& job() {
    static const Job made = [] {
        PlanOptions options;
        options.solver = "primal";
        options.log_n = 9;
        options.insecure_for_tests_only = true;
        options.refresh = PlanOptions::Refresh::never;
        TrainingPlan plan =
            TrainingPlan::create({10, 6, 3}, standard_recipe(1, 2, fit_sigmoid(3, 8)), options);
        const ContainerIdentity identity = job_identity(plan, {4, 5, 6}, {1, 2, 3});
        return Job{std::move(plan), identity};
    }();
    return made;
}

void read(const Bytes& bytes) {
    const MemoryFile file(bytes);
    for (const ContainerKind kind : {ContainerKind::checkpoint, ContainerKind::model}) {
        const auto state = read_state(file.path(), kind, job());
        claim_clear_refusal(state);
        if (state) {
            claim(state->iteration >= 0 && state->iteration <= job().plan.recipe().iterations);
        }
    }
    const auto model = read_model(file.path(), job());
    claim_clear_refusal(model);
    if (model) {
        claim(model->size() == job().plan.state_ciphertexts());
    }
    const auto data = read_training_data(file.path(), job());
    claim_clear_refusal(data);
    if (data) {
        claim((*data)["features"].size() == job().plan.messages().front().count);
    }
    const auto keys = read_evaluation_keys(file.path(), job());
    claim_clear_refusal(keys);
    const auto plan = read_plan(file.path(), TestParameters::allow);
    claim_clear_refusal(plan);
    if (plan) {
        claim(plan->identity.plan == plan->plan.hash());
    }
}

}  // namespace
}  // namespace cipherfit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const Bytes bytes(data, data + size);
    read(bytes);
    read(with_digests(bytes));
    return 0;
}
