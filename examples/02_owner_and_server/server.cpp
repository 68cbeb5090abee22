#include "server.h"

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/train/encrypted_trainer.h"

#include <utility>

#include <fmt/format.h>

using namespace cipherfit;

void train_job(const std::filesystem::path& directory) {
    // Everything that comes from outside is checked before it is used: identities, sizes, digests,
    // and that every residue is below its prime.
    const JobFiles files{directory};
    const Job job = value_or_throw(read_plan(files.plan()));
    const EvaluationKeys keys = value_or_throw(read_evaluation_keys(files.evaluation_keys(), job));
    EncryptedTrainingData data = value_or_throw(read_training_data(files.training_data(), job));

    // The whole training, on ciphertexts. run_training_job() in
    // cipherfit/protocol/training_server.h does the same with a lock, progress, and a checkpoint
    // after every iteration.
    EncryptedTrainer trainer(job.plan, keys, std::move(data));
    TrainingState state;
    while (state.iteration < job.plan.recipe().iterations) {
        state = trainer.step(state);
        fmt::print("server: iteration {} done, {} levels left\n", state.iteration,
                   job.plan.levels()[static_cast<std::size_t>(state.iteration - 1)].end);
    }
    value_or_throw(write_state(files.model(), ContainerKind::model, job, state));
}
