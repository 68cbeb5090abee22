// cipherfit review: whether an encrypted run goes on, which the owner alone can tell.
#include "cipherfit/base/parallel.h"
#include "cipherfit/protocol/owner/checkpoints.h"
#include "cipherfit/protocol/review.h"
#include "cipherfit/solver/owner/noise.h"
#include "cli/commands.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "cli/remote_steps.h"
#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct ReviewOptions {
    std::filesystem::path owner, job, out;
    SampleOptions train, validation;
    std::string answer = "auto";
    int patience = 2;
    RunOptions run;
    Passphrase passphrase;
    RemoteOptions remote;
};

struct Reviewed {
    int iteration = 0;
    Head head, twin;
    double accuracy = 0;
};

double accuracy(const Head& head, const TestRows& rows) {
    const std::vector<int> predicted = head.predict(rows.features);
    std::size_t right = 0;
    for (std::size_t i = 0; i < predicted.size(); ++i) {
        right += predicted[i] == rows.labels[i] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(predicted.size());
}

// What they get right.
std::vector<Reviewed> reviewed_models(std::vector<CheckedModel> checked, const TestRows& rows) {
    std::vector<Reviewed> models;
    for (CheckedModel& model : checked) {
        const double share = accuracy(model.head, rows);
        models.push_back({model.iteration, std::move(model.head), std::move(model.twin), share});
    }
    return models;
}

// The last kept checkpoint, where none is missing that it is joined with.
void require_checkpoints(const JobFiles& job, const TrainingPlan& plan) {
    const int kept = last_kept_checkpoint(DirectoryStore(job.directory), plan);
    require(kept > 0, ErrorCode::bad_input,
            "{}: there is no checkpoint to review: run 'cipherfit train' with --review-every",
            (job.directory / "checkpoints").string());
    const int every = plan.solver().joins_models() ? plan.models_every() : 0;
    for (int iteration = every; every > 0 && iteration < kept; iteration += every) {
        require(std::filesystem::exists(job.kept_checkpoint(iteration)), ErrorCode::bad_input,
                "{}: is missing, without which there is no model after any later iteration: bring "
                "it from the server",
                job.kept_checkpoint(iteration).string());
    }
}

// A service whose job waits for the answer; the checkpoints are fetched from it.
struct ReviewedService {
    ReviewedService(const ReviewOptions& options, const JobFiles& files)
        : line(options.run.quiet), run(options.remote, line), job(run.client(), files.directory) {
        const RemoteJob now = job.find();
        require(now.state == RemoteState::awaiting_review, ErrorCode::bad_input,
                "{}: the job is {}, and waits for no answer", options.remote.server,
                name(now.state));
        job.fetch();
        line.finish();
    }
    ProgressLine line;
    RemoteRun run;
    JobExchange job;
};

// Stops where the last `patience` checkpoints are no better than the best before them.
Answer decide(const ReviewOptions& options, const std::vector<Reviewed>& models) {
    if (options.answer != "auto") {
        return value_or_throw(answer_from_name(options.answer));
    }
    const auto best = std::max_element(
        models.begin(), models.end(),
        [](const Reviewed& a, const Reviewed& b) { return a.accuracy < b.accuracy; });
    return models.end() - best > options.patience ? Answer::stop : Answer::go_on;
}

void review(ReviewOptions& options) {
    set_thread_count(options.run.threads);
    const OwnerFiles files{options.owner};
    const JobFiles job{options.job};
    OutputCheck check;
    check.reads("--train", options.train);
    check.reads("--validation", options.validation);
    check.reads("--passphrase-file", options.passphrase.file());
    check.keeps_owner_and_job(options.owner, options.job);
    check.makes("--out", options.out);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    OwnerSession session = OwnerSession::open(options.owner);
    const OwnerState& state = session.state();
    static_cast<void>(session.identity());  // before anything is read
    const Dataset training =
        extract(state.columns.extractor.get(), read_planned_rows(files, options.train).data);
    Samples validation = read_samples(options.validation, &state.columns.table);
    require_backbone(validation, state.columns.backbone, options.validation.file.string());
    const TestRows rows = test_rows(std::move(validation), state.columns.extractor.get(),
                                    state.reference.head, options.validation.file.string());
    reading.reset();
    load_key(session, options.passphrase);
    std::optional<ReviewedService> service;
    if (options.remote.given()) {
        service.emplace(options, job);
    }
    require_checkpoints(job, session.plan());
    session.use_rows(training);
    DirectoryStore store(job.directory);
    const std::vector<Reviewed> models = reviewed_models(session.decrypt_checkpoints(store), rows);
    for (const Reviewed& model : models) {
        print_summary("  {:<22}{:.2f} % of {} rows\n", fmt::format("iteration {}", model.iteration),
                      100 * model.accuracy, rows.labels.size());
    }
    const Reviewed& last = models.back();
    const Answer answer = decide(options, models);
    require(answer == Answer::go_on || !options.out.empty(), ErrorCode::bad_input,
            "the answer is to stop: give --out DIR for the model");
    if (answer == Answer::stop) {
        const auto best = std::max_element(
            models.begin(), models.end(),
            [](const Reviewed& a, const Reviewed& b) { return a.accuracy < b.accuracy; });
        write_model(options.out, {best->head, best->twin}, state);
        print_summary("  {:<22}{}, of iteration {}\n", "model",
                      (options.out / "weights.npy").string(), best->iteration);
    }
    {
        const SharedFiles shared;
        session.answer(store, last.iteration, answer);
    }
    if (service) {
        static_cast<void>(service->job.post_answer(last.iteration));
    }
    print_summary("  {:<22}{}, after iteration {} of {}\n", "answer", name(answer), last.iteration,
                  state.setup.plan.recipe().iterations);
}

}  // namespace

void add_review_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "review",
        "Decrypt the checkpoints of a run that waits, and tell it to continue or to stop");
    command->footer(
        "Example, in turns with 'cipherfit train --job job --review-every 10':\n"
        "  cipherfit review --owner private --job job --validation val.csv --out model\n\n"
        "Every checkpoint that was kept is decrypted, held to the plaintext twin and tested on "
        "the\n"
        "validation rows. The answer goes into the job directory, and nothing else: the server\n"
        "learns that the run goes on, or that it ends. To stop, the best model is written first.\n"
        "With --server the checkpoints are fetched from the service, and the answer is sent.");
    auto options = std::make_shared<ReviewOptions>();
    command->add_option("--owner", options->owner, "The owner's private directory")
        ->required()
        ->type_name("DIR");
    command->add_option("--job", options->job, "The job directory with the checkpoints")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--validation", options->validation.file,
                     "Rows that were not trained on, in a form as --train's")
        ->required()
        ->type_name("PATH");
    command->add_option("--validation-labels", options->validation.labels, "Their labels")
        ->type_name("FILE");
    command->add_option("--validation-rows", options->validation.rows, "Use only these rows")
        ->type_name("FIRST:END");
    command
        ->add_option("--answer", options->answer,
                     "continue, stop, or auto: stop when the last checkpoints are no better than "
                     "the best before")
        ->capture_default_str()
        ->check(CLI::IsMember({"auto", "continue", "stop"}));
    command->add_option("--patience", options->patience, "How many of them auto waits for")
        ->capture_default_str()
        ->transform(whole_number(1, max_iterations));
    command->add_option("--out", options->out, "Directory for the model, if the run stops")
        ->type_name("DIR");
    add_train_options(*command, options->train, false);
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    add_remote_options(*command, options->remote);
    command->callback([options] { review(*options); });
}

}  // namespace cipherfit
