// cipherfit train: becomes cipherfit-server. This program can hold a secret key, that one cannot.
#include "cipherfit/train/recipe.h"
#include "cli/commands.h"
#include "cli/server_process.h"
#include "common/number_option.h"
#include "common/program.h"

#include <memory>
#include <string>
#include <vector>

namespace cipherfit {
namespace {

struct TrainOptions {
    std::filesystem::path job;
    RunOptions run;
    int keep_checkpoints = 0, checkpoint_every = 1, review_every = 0;
    double review_wait = 0;
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
    command
        ->add_option("--keep-checkpoints", options->keep_checkpoints,
                     "Keep the checkpoint of every so many iterations, for the learning curve of "
                     "the owner's report; 0: none, 1 unless a number is given")
        ->expected(0, 1)
        ->default_str("1")
        ->transform(whole_number(0, max_iterations))
        ->type_name("EVERY");
    command
        ->add_option("--checkpoint-every", options->checkpoint_every,
                     "Write a checkpoint to go on from after every so many iterations")
        ->capture_default_str()
        ->transform(whole_number(1, max_iterations));
    command
        ->add_option("--review-every", options->review_every,
                     "Stop after every so many iterations until the owner has answered with "
                     "'cipherfit review'; 0: never")
        ->capture_default_str()
        ->transform(whole_number(0, max_iterations));
    command
        ->add_option("--review-wait", options->review_wait,
                     "Seconds to wait for such an answer before ending, to be started again")
        ->capture_default_str()
        ->check(real_number(0, 1e9));
    add_run_options(*command, options->run);
    command->callback([options] {
        std::vector<std::string> arguments{options->job.string(), "--threads",
                                           std::to_string(options->run.threads)};
        if (options->run.quiet) {
            arguments.emplace_back("--quiet");
        }
        arguments.insert(arguments.end(),
                         {"--keep-checkpoints", std::to_string(options->keep_checkpoints),
                          "--checkpoint-every", std::to_string(options->checkpoint_every),
                          "--review-every", std::to_string(options->review_every), "--review-wait",
                          std::to_string(options->review_wait)});
        become_server(arguments);
    });
}

}  // namespace cipherfit
