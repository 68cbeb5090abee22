#include "server/work.h"

#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/npy.h"
#include "cipherfit/protocol/prediction_session.h"
#include "cipherfit/train/recipe.h"
#include "common/number_option.h"
#include "common/progress_line.h"
#include "common/server_progress.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/system_info.h"
#include "server/joint.h"

#include <chrono>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

// Shows a session's progress to a person, or to the program that reads it.
class ShownProgress final : public Observer {
  public:
    ShownProgress(ProgressLine& line, bool machine) : view_(line), machine_(machine) {}
    void on_progress(const Progress& progress) override {
        if (machine_) {
            print_error("{}\n", encode_progress(progress));
        } else {
            view_.show(progress);
        }
    }

  private:
    ServerProgressView view_;
    bool machine_;
};

void write_report(const std::filesystem::path& job, const TrainingReport& report, double seconds) {
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

void predict(const WorkOptions& options) {
    ProgressLine line(options.run.quiet || options.machine);
    line.phase("server: scores");
    PredictionOptions prediction;
    if (!options.model.empty()) {
        const std::filesystem::path weights = options.model / "weights.npy";
        prediction.model = ServerModel{value_or_throw(read_npy_matrix(weights)), weights.string()};
    }
    DirectoryStore store(options.job);
    PredictionSession(store, prediction).score(stop_on_signal());
    line.finish();
}

void train(const WorkOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    ProgressLine line(options.run.quiet || options.machine);
    ShownProgress shown(line, options.machine);
    DirectoryStore store(options.job);
    const TrainingReport report =
        TrainingSession(store, options.training, &shown).train(stop_on_signal());
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

}  // namespace

void work_on(const WorkOptions& options) {
    set_thread_count(options.run.threads);
    static_cast<void>(isa());  // a wrong CIPHERFIT_ISA shows here, before any work
    if (is_charter_directory(options.job)) {
        serve_charter(
            {.directory = options.job, .run = options.run, .wait_seconds = options.wait_seconds});
        return;
    }
    if (std::filesystem::exists(PredictionFiles{options.job}.plan())) {
        predict(options);
        return;
    }
    require(options.model.empty(), ErrorCode::bad_input,
            "--model goes with a prediction: {} is not there",
            PredictionFiles{options.job}.plan().string());
    train(options);
}

void add_training_options(CLI::App& app, WorkOptions& options) {
    app.add_option("--keep-checkpoints", options.training.keep_every,
                   "Keep the checkpoint of every Nth iteration in checkpoints/, for the "
                   "owner's report; 0: none")
        ->capture_default_str()
        ->transform(whole_number(0, max_iterations))
        ->type_name("N");
    app.add_option("--checkpoint-every", options.training.checkpoint_every,
                   "Write checkpoint.cft, to go on from, after every N iterations")
        ->capture_default_str()
        ->transform(whole_number(1, max_iterations))
        ->type_name("N");
    app.add_option("--review-every", options.training.review_every,
                   "Stop after every N iterations until the owner has answered to the "
                   "checkpoint; 0: never")
        ->capture_default_str()
        ->transform(whole_number(0, max_iterations))
        ->type_name("N");
    app.add_option("--review-wait", options.training.review_wait_seconds,
                   "Seconds to wait for such an answer before ending, to be started again")
        ->capture_default_str()
        ->check(real_number(0, 1e9))
        ->type_name("SECONDS");
    app.add_flag("--machine-progress", options.machine,
                 "Progress as lines for a program to read: '@progress phase done total level "
                 "bytes_written work_done'");
}

}  // namespace cipherfit
