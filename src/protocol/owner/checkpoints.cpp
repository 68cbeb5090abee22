#include "cipherfit/protocol/owner/checkpoints.h"

#include "cipherfit/protocol/owner/job_owner.h"

#include <filesystem>

namespace cipherfit {

std::vector<CheckpointModel> decrypt_checkpoints(const JobFiles& files, const Job& job,
                                                 const SecretKey& key, const RowMatrix& xs) {
    std::vector<CheckpointModel> models;
    const Recipe& recipe = job.plan.recipe();
    if (!job.plan.has_intermediate_models()) {
        return models;
    }
    for (int iteration = 1; iteration < recipe.iterations; ++iteration) {
        const std::filesystem::path path = files.kept_checkpoint(iteration);
        if (!std::filesystem::exists(path)) {
            continue;
        }
        const TrainingState state =
            value_or_throw(read_state(path, ContainerKind::checkpoint, job));
        require(state.iteration == iteration, ErrorCode::corrupt_data,
                "{}: stands at iteration {}: remove it", path.string(), state.iteration);
        const bool main = recipe.model == ModelSequence::main;
        models.push_back(
            {iteration, decrypt_model(job, key, main ? state.main : state.extrapolated, xs)});
    }
    return models;
}

}  // namespace cipherfit
