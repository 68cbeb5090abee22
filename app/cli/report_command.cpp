// cipherfit report: a finished run as one HTML file.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "cli/output_check.h"
#include "cli/report_steps.h"
#include "common/signals.h"
#include "common/streams.h"

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
    fs::path run_directory, owner, job, out;
    SampleOptions train, test;
    RunOptions run;
    Passphrase passphrase;
};

void resolve_directories(ReportOptions& options) {
    const bool separate = !options.owner.empty() && !options.job.empty();
    const bool neither = options.owner.empty() && options.job.empty();
    require(options.run_directory.empty() ? separate : neither, ErrorCode::bad_input,
            "a report needs --run DIR, or both --owner DIR and --job DIR");
    if (!options.run_directory.empty()) {
        options.owner = options.run_directory / "owner";
        options.job = options.run_directory / "job";
        if (options.out.empty()) {
            options.out = options.run_directory / "report.html";
        }
    }
    require(!options.out.empty(), ErrorCode::bad_input,
            "--out FILE is missing: give the HTML file to write");
}

SampleOptions test_source(const ReportOptions& options, const OwnerFiles& files) {
    if (!options.test.file.empty()) {
        // Read as the training rows were, but for the columns, which the plan knows.
        SampleOptions source = options.test;
        source.table =
            source_from_json(read_json(files.inputs()).value("source", nlohmann::json::object()),
                             "train")
                .table;
        return source;
    }
    require(options.test.labels.empty() && options.test.rows.empty(), ErrorCode::bad_input,
            "--test-labels and --test-rows go with --test FILE");
    require(fs::exists(files.test_source()), ErrorCode::bad_input,
            "{}: no test rows are known of this run: give --test FILE", files.directory.string());
    return source_from_json(read_json(files.test_source()), "test");
}

void report(ReportOptions& options) {
    set_thread_count(options.run.threads);
    resolve_directories(options);
    const OwnerFiles files{options.owner};
    const JobFiles job{options.job};
    OutputCheck check;
    check.reads("--train", options.train);
    check.reads("--test", options.test);
    check.reads("--passphrase-file", options.passphrase.file());
    check.keeps_owner_and_job(options.owner, options.job);
    check.writes("--out", options.out);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    OwnerSession session = OwnerSession::open(options.owner);
    const OwnerState& state = session.state();
    static_cast<void>(session.identity());  // before anything is read
    const SampleOptions source = test_source(options, files);
    Samples test = read_samples(source, &state.columns.table);
    require_backbone(test, state.columns.backbone, source.file.string());
    const Pictures pictures(test);
    const TestRows test_of =
        test_rows(std::move(test), state.columns.extractor.get(), state.reference.head,
                  source.file.string(), unknown_classes(source));
    const Dataset training =
        extract(state.columns.extractor.get(), read_planned_rows(files, options.train).data);
    reading.reset();
    load_key(session, options.passphrase);
    session.use_rows(training);
    const Head head = session.decrypt(DirectoryStore(options.job));
    FitResult result{state, head, training, test_of};
    result.job = job;
    result.held_out_share = source.hold_out;
    if (fs::exists(files.timings())) {
        result.timings = read_json(files.timings());
    }
    result.server = read_server_report(job);
    const nlohmann::json figures = fit_figures(result);
    require_agreement(figures, session);
    const auto models = decrypted_models(session, job, head);
    write_report(options.out, result, figures, {models, pictures});
    print_summary("  {:<22}{}, {}\n  {:<22}{} of {} iterations\n", "report, private",
                  options.out.string(),
                  format_bytes(static_cast<double>(fs::file_size(options.out))), "decrypted",
                  models.size(), state.setup.plan.recipe().iterations);
}

}  // namespace

void add_report_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "report", "Show a finished run: one HTML file with curves, mistakes, levels and costs");
    command->footer(
        "Examples:\n"
        "  cipherfit report --run run                        (as fit left it; writes "
        "run/report.html)\n"
        "  cipherfit report --owner private --job job --test test.csv --out report.html\n\n"
        "The file needs no network and no other file. It is computed from decrypted values: keep\n"
        "it as private as the model. The learning curve has the iterations whose checkpoints the\n"
        "server kept ('cipherfit train --keep-checkpoints'; fit asks for them).");
    auto options = std::make_shared<ReportOptions>();
    command
        ->add_option("--run", options->run_directory, "The directory that fit was given as --out")
        ->type_name("DIR");
    command->add_option("--owner", options->owner, "The owner's private directory")
        ->type_name("DIR");
    command->add_option("--job", options->job, "The job directory with the server's model")
        ->type_name("DIR");
    command->add_option("--out", options->out, "The HTML file to write")->type_name("FILE");
    add_train_options(*command, options->train, false);
    add_test_options(*command, options->test, false);
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    command->callback([options] { report(*options); });
}

}  // namespace cipherfit
