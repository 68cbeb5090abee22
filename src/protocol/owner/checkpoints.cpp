#include "cipherfit/protocol/owner/checkpoints.h"

#include "cipherfit/protocol/owner/job_owner.h"
#include "protocol/owner/unchecked_access.h"

#include <string>
#include <utility>

namespace cipherfit {
namespace {

TrainingState read_kept(const JobStore& store, const Job& job, int iteration) {
    const std::string name = contents::kept_checkpoint(iteration);
    TrainingState state =
        value_or_throw(read_state(store.get(name), ContainerKind::checkpoint, job));
    require(state.iteration == iteration, ErrorCode::corrupt_data,
            "{}: stands at iteration {}: remove it", store.label(name), state.iteration);
    return state;
}

}  // namespace

std::vector<CheckpointModel> decrypt_checkpoints(const JobStore& store, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs) {
    DecryptionRecord none = DecryptionRecord::that_keeps_nothing();
    return decrypt_checkpoints(store, job, key, xs, none);
}

std::vector<CheckpointModel> decrypt_checkpoints(const JobStore& store, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs,
                                                 DecryptionRecord& record) {
    std::vector<CheckpointModel> models;
    const TrainingPlan& plan = job.plan;
    const int every = plan.models_every();
    if (every == 0) {
        return models;
    }
    const auto reader = owner_solver(plan).reader(plan, xs);
    for (int iteration = every; iteration < plan.recipe().iterations; iteration += every) {
        if (!store.exists(contents::kept_checkpoint(iteration))) {
            if (plan.solver().joins_models()) {
                break;  // later models need this one
            }
            continue;
        }
        const TrainingState state = read_kept(store, job, iteration);
        const auto& blocks = state[plan.solver().model_sequence(plan, iteration)];
        record.begin(job.identity, iteration, digest_of(blocks));
        models.push_back({iteration, decrypt_model(job, key, blocks, iteration, *reader)});
    }
    return models;
}

int last_kept_checkpoint(const JobStore& store, const TrainingPlan& plan) {
    const int every = plan.models_every();
    int last = 0;
    for (int iteration = every; every > 0 && iteration < plan.recipe().iterations;
         iteration += every) {
        last = store.exists(contents::kept_checkpoint(iteration)) ? iteration : last;
    }
    return last;
}

}  // namespace cipherfit
