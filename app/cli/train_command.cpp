// cipherfit train: becomes cipherfit-server, or has a service train. This program can hold a secret
// key, those cannot.
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/train/recipe.h"
#include "cli/commands.h"
#include "cli/remote_steps.h"
#include "cli/server_process.h"
#include "common/number_option.h"
#include "common/program.h"
#include "common/streams.h"

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
    RemoteOptions remote;
};

void train_at_service(const TrainOptions& options) {
    const auto model = options.job / contents::model;
    require(std::filesystem::is_directory(options.job), ErrorCode::bad_input,
            "{}: is no directory of a job", options.job.string());
    const auto lock = value_or_throw(DirectoryLock::acquire(options.job));
    if (std::filesystem::exists(model)) {
        if (!options.run.quiet) {
            print_error("the model is there already: nothing to do\n");
        }
        return;
    }
    ProgressLine line(options.run.quiet);
    RemoteRun run(options.remote, line);
    JobExchange job(run.client(), options.job);
    const RemoteTraining training{
        .keep_every = static_cast<unsigned>(options.keep_checkpoints),
        .checkpoint_every = static_cast<unsigned>(options.checkpoint_every),
        .review_every = static_cast<unsigned>(options.review_every)};
    const RemoteResult result =
        run_at_service(run, job, options.job, training, options.review_wait);
    line.finish();
    if (result.stopped_by_owner) {
        print_error("the owner has stopped the run\n");
    }
}

}  // namespace

void add_train_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "train",
        "Train on a job directory: the server's part, done by the program cipherfit-server");
    command->footer(
        "Example:\n"
        "  cipherfit train --job job\n"
        "  cipherfit train --job job --server train.example:7443 --identity me\n\n"
        "Leaves job/model.cft. Stopped (Ctrl-C: after the iteration at hand, twice: at once) or\n"
        "killed, it goes on from its checkpoint when it is started again. With --server a service "
        "trains:\nwhat it lacks of the directory is sent, and what comes out is fetched.");
    auto options = std::make_shared<TrainOptions>();
    command->add_option("--job", options->job, "The job directory")->required()->type_name("DIR");
    command
        ->add_option("--keep-checkpoints", options->keep_checkpoints,
                     "Keep the checkpoint of every Nth iteration, for the learning curve of "
                     "the owner's report; 0: none, 1 unless a number is given")
        ->expected(0, 1)
        ->default_str("1")
        ->transform(whole_number(0, max_iterations))
        ->type_name("N");
    command
        ->add_option("--checkpoint-every", options->checkpoint_every,
                     "Write a checkpoint to go on from after every N iterations")
        ->capture_default_str()
        ->transform(whole_number(1, max_iterations));
    command
        ->add_option("--review-every", options->review_every,
                     "Stop after every N iterations until the owner has answered with "
                     "'cipherfit review'; 0: never")
        ->capture_default_str()
        ->transform(whole_number(0, max_iterations));
    command
        ->add_option("--review-wait", options->review_wait,
                     "Seconds to wait for such an answer before ending, to be started again")
        ->capture_default_str()
        ->check(real_number(0, 1e9));
    add_run_options(*command, options->run);
    add_remote_options(*command, options->remote);
    command->callback([options] {
        if (options->remote.given()) {
            train_at_service(*options);
            return;
        }
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
