// cipherfit train: becomes cipherfit-server. This program can hold a secret key, that one cannot.
#include "cli/commands.h"
#include "cli/server_process.h"
#include "common/program.h"

#include <memory>
#include <string>
#include <vector>

namespace cipherfit {
namespace {

struct TrainOptions {
    std::filesystem::path job;
    RunOptions run;
    bool keep_checkpoints = false;
};

}  // namespace

void add_train_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "train",
        "Train on a job directory: the server's part, done by the program cipherfit-server");
    command->footer(
        "Example:\n"
        "  cipherfit train --job job\n\n"
        "Leaves job/model.cft. Stopped (Ctrl-C: after the iteration at hand, twice: at once) or\n"
        "killed, it goes on from its checkpoint when it is started again.");
    auto options = std::make_shared<TrainOptions>();
    command->add_option("--job", options->job, "The job directory")->required()->type_name("DIR");
    command->add_flag("--keep-checkpoints", options->keep_checkpoints,
                      "Keep the checkpoint of every iteration, for the learning curve of the "
                      "owner's report");
    add_run_options(*command, options->run);
    command->callback([options] {
        std::vector<std::string> arguments{options->job.string(), "--threads",
                                           std::to_string(options->run.threads)};
        if (options->run.quiet) {
            arguments.emplace_back("--quiet");
        }
        if (options->keep_checkpoints) {
            arguments.emplace_back("--keep-checkpoints");
        }
        become_server(arguments);
    });
}

}  // namespace cipherfit
