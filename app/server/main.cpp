// cipherfit-server: trains on the ciphertexts of a job directory. It is given that directory and
// nothing else, and links no code that knows what a secret key is.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/prediction_files.h"
#include "cipherfit/protocol/training_server.h"
#include "cipherfit/train/recipe.h"
#include "common/number_option.h"
#include "common/program.h"
#include "common/progress_line.h"
#include "common/server_progress.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/system_info.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace {

using namespace cipherfit;

struct Options {
    std::filesystem::path job, model;
    RunOptions run;
    bool machine = false;
    int keep_checkpoints = 0, checkpoint_every = 1, review_every = 0;
    double review_wait = 0;
};

void write_report(const std::filesystem::path& job, const ServerReport& report, double seconds) {
    const nlohmann::json json{{"version", version()},
                              {"isa", isa()},
                              {"threads", thread_count()},
                              {"iterations", report.iterations},
                              {"resumed_at", report.resumed_at},
                              {"load_seconds", report.load_seconds},
                              {"prepare_seconds", report.prepare_seconds},
                              {"training_seconds", report.training_seconds},
                              {"total_seconds", seconds},
                              {"model_bytes", report.model_bytes},
                              {"peak_rss_bytes", peak_resident_bytes()}};
    const std::string text = json.dump(2) + "\n";
    value_or_throw(write_file(job / "server_report.json",
                              {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

void predict(const Options& options) {
    ProgressLine line(options.run.quiet || options.machine);
    line.phase("server: scores");
    static_cast<void>(run_prediction_job(
        options.job,
        {.model = options.model.empty() ? options.model : options.model / "weights.npy",
         .memory_limit_bytes = 0,
         .tests = TestParameters::refuse}));
    line.finish();
}

void train(const Options& options) {
    const auto start = std::chrono::steady_clock::now();
    ProgressLine line(options.run.quiet || options.machine);
    ServerProgressView view(line);
    ServerOptions server;
    server.stop = &stop_requested();
    server.keep_every = options.keep_checkpoints;
    server.checkpoint_every = options.checkpoint_every;
    server.review_every = options.review_every;
    server.review_wait_seconds = options.review_wait;
    server.progress = [&](const ServerProgress& progress) {
        if (options.machine) {
            print_error("{}\n", encode_progress(progress));
        } else {
            view.show(progress);
        }
    };
    const ServerReport report = run_training_job(options.job, server);
    line.finish();
    if (report.stopped_by_owner) {
        print_error("the owner has stopped the run after iteration {} of {}\n", report.stopped_at,
                    report.iterations);
        return;
    }
    if (!report.already_done) {
        const auto spent = std::chrono::steady_clock::now() - start;
        write_report(options.job, report, std::chrono::duration<double>(spent).count());
    } else if (!options.run.quiet && !options.machine) {
        print_error("the model is there already: nothing to do\n");
    }
}

void serve(const Options& options) {
    set_thread_count(options.run.threads);
    static_cast<void>(isa());  // a wrong CIPHERFIT_ISA shows here, before any work
    if (std::filesystem::exists(PredictionFiles{options.job}.plan())) {
        predict(options);
        return;
    }
    require(options.model.empty(), ErrorCode::bad_input,
            "--model goes with a prediction: {} is not there",
            PredictionFiles{options.job}.plan().string());
    train(options);
}

void build(CLI::App& app) {
    app.description(
        "Trains on the ciphertexts of a job directory, or scores them, without any secret.\n"
        "Reads plan.cft, evaluation_keys.cft and training_data.cft or batches/; leaves model.cft "
        "and\n"
        "server_report.json. Stopped or killed, it goes on from checkpoint.cft when it is\n"
        "started again. SIGINT or SIGTERM stops it after the current iteration, a second\n"
        "one at once.\n\n"
        "Where the directory has prediction_plan.cft, it scores rows.cft instead and leaves\n"
        "scores.cft: with encrypted_model.cft, or with a model of its own by --model.");
    app.set_version_flag("--version", version());
    const auto options = std::make_shared<Options>();
    app.add_option("job", options->job, "The job directory")->required();
    add_run_options(app, options->run);
    app.add_option("--model", options->model,
                   "The server's own model to score with: a directory with weights.npy")
        ->type_name("DIR");
    app.add_option("--keep-checkpoints", options->keep_checkpoints,
                   "Keep the checkpoint of every so many iterations in checkpoints/, for the "
                   "owner's report; 0: none")
        ->capture_default_str()
        ->transform(whole_number(0, max_iterations))
        ->type_name("EVERY");
    app.add_option("--checkpoint-every", options->checkpoint_every,
                   "Write checkpoint.cft, to go on from, after every so many iterations")
        ->capture_default_str()
        ->transform(whole_number(1, max_iterations))
        ->type_name("EVERY");
    app.add_option("--review-every", options->review_every,
                   "Stop after every so many iterations until the owner has answered to the "
                   "checkpoint; 0: never")
        ->capture_default_str()
        ->transform(whole_number(0, max_iterations))
        ->type_name("EVERY");
    app.add_option("--review-wait", options->review_wait,
                   "Seconds to wait for such an answer before ending, to be started again")
        ->capture_default_str()
        ->check(real_number(0, 1e9))
        ->type_name("SECONDS");
    app.add_flag("--machine-progress", options->machine,
                 "Progress as lines for a program to read: '@progress phase done total level "
                 "bytes_written work_done'");
    app.callback([options] { serve(*options); });
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    install_signal_handlers();
    return run_program("cipherfit-server", build, argc, argv);
}
