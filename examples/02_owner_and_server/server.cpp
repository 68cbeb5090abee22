#include "server.h"

#include "cipherfit/protocol/training_server.h"

#include <fmt/format.h>

using namespace cipherfit;

void train_job(const std::filesystem::path& directory) {
    // Everything that comes from outside is checked before it is used: identities, sizes, digests,
    // and that every residue is below its prime. A run that is killed goes on from its checkpoint.
    ServerOptions options;
    options.progress = [](const ServerProgress& progress) {
        if (progress.phase == ServerProgress::Phase::train && progress.done > 0) {
            fmt::print("server: iteration {} done, {} levels left\n", progress.done,
                       progress.level);
        }
    };
    run_training_job(directory, options);
}
