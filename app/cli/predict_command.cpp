// cipherfit predict, encrypt-rows, decrypt-scores: rows are scored by a server that cannot see
// them.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "cli/commands.h"
#include "cli/output_check.h"
#include "cli/owner_files.h"
#include "cli/predict_steps.h"
#include "cli/remote_steps.h"
#include "cli/server_process.h"
#include "cli/temporary_directory.h"
#include "common/signals.h"
#include "common/streams.h"

#include <memory>
#include <optional>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
    PredictSource source;
    PredictOutput output;
    fs::path owner, job;
    RunOptions run;
    Passphrase passphrase;
    RemoteOptions remote;
};

double sent_bytes(const PredictionFiles& files) {
    double sum = 0;
    for (const fs::path& path : {files.evaluation_keys(), files.rows(), files.model()}) {
        std::error_code error;
        const auto size = fs::file_size(path, error);
        sum += error ? 0 : static_cast<double>(size);
    }
    return sum;
}

OutputCheck inputs_of(const PredictOptions& options) {
    OutputCheck check;
    check.keeps("--model", options.source.model);
    check.keeps("--server-model", options.source.server_model);
    check.reads("--data", options.source.data);
    check.reads("--passphrase-file", options.passphrase.file());
    return check;
}

void add_outputs(OutputCheck& check, const PredictOutput& output) {
    check.writes("--out", output.out);
    check.writes("--scores", output.scores);
}

// Returns the seconds that the server took.
double score_here(const PredictOptions& options, const PredictionFiles& files, ProgressLine& line) {
    std::vector<std::string> more;
    if (!options.source.server_model.empty()) {
        more = {"--model", fs::absolute(options.source.server_model).string()};
    }
    line.phase("server: scores");
    const ServerRun run = run_server(
        files.directory, options.run.threads, more, [](const Progress&) {},
        [&line] { line.tick(); });
    line.finish();
    return run.seconds;
}

double score_at_service(const PredictOptions& options, const PredictionFiles& files,
                        ProgressLine& line) {
    line.phase("service: connecting");
    RemoteRun run(options.remote, line);
    JobExchange job(run.client(), files.directory);
    const RemoteResult result = run_at_service(run, job, files.directory, {});
    forget_at_service(job);  // its key is forgotten as well
    line.finish();
    return result.seconds;
}

// The key lives as long as this process.
void predict(PredictOptions& options) {
    set_thread_count(options.run.threads);
    if (options.remote.given()) {
        require(options.source.server_model.empty(), ErrorCode::bad_input,
                "--server-model goes with a server of your own, which has the model: leave out "
                "--server, or give --model");
        static_cast<void>(read_identity(options.remote.identity));
    } else {
        static_cast<void>(server_program());
    }
    OutputCheck check = inputs_of(options);
    check.keeps("--identity", options.remote.identity);
    add_outputs(check, options.output);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    const RowsToScore rows = read_rows_to_score(options.source);
    const PredictionPlan plan = plan_prediction(rows);
    reading.reset();
    const TemporaryDirectory directory;
    const PredictionFiles files{directory.path()};
    const SecretKey key = SecretKey::generate(plan.parameters());
    const PredictionJob job = new_prediction_job(plan, key);
    ProgressLine line(options.run.quiet);
    write_prediction_job(files, job, key, rows, line);
    const double seconds = options.remote.given() ? score_at_service(options, files, line)
                                                  : score_here(options, files, line);
    const double up = sent_bytes(files);
    finish_prediction(files, record_of(job, rows), key, DecryptionRecord::that_keeps_nothing(),
                      options.output);
    print_summary("{}", rows.notes);
    print_summary(
        "  {:<22}N = 2^{}, {}-bit security; {} up, {} down; the server took {}\n", "under",
        plan.parameters().log_n(), plan.parameters().security_bits(), format_bytes(up),
        format_bytes(static_cast<double>(fs::file_size(files.scores()))), format_seconds(seconds));
}

// Stands in the owner's directory while encrypt-rows is at work.
fs::path unfinished(const PredictOptions& options) {
    return options.owner / "unfinished.json";
}

void encrypt_rows(PredictOptions& options) {
    set_thread_count(options.run.threads);
    // The same command was stopped before it was done: nothing can have been sent.
    const bool begun = fs::exists(unfinished(options));
    require(begun || (!fs::exists(options.owner / "prediction.json") &&
                      !fs::exists(options.owner / "secret.key")),
            ErrorCode::bad_input,
            "{}: holds a key already, and a key is for one job: use a new directory",
            options.owner.string());
    const PredictionFiles files{options.job};
    require((begun || !fs::exists(files.plan())) && !fs::exists(JobFiles{options.job}.plan()),
            ErrorCode::bad_input, "{}: holds a job already: use a new directory",
            options.job.string());
    OutputCheck check = inputs_of(options);
    check.makes("--owner", options.owner);
    check.makes("--job", options.job);
    check.sends("--job", options.job);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    const RowsToScore rows = read_rows_to_score(options.source);
    const PredictionPlan plan = plan_prediction(rows);
    reading.reset();
    make_owner_directory(options.owner);
    const auto lock = value_or_throw(DirectoryLock::acquire(options.owner));
    make_job_directory(options.job);
    const auto job_lock = value_or_throw(DirectoryLock::acquire(options.job));
    remove_stale_files(options.owner);
    remove_stale_files(options.job);
    if (begun) {
        fs::remove(files.plan());  // first: without it the server does nothing
        fs::remove(options.owner / "secret.key");
    }
    write_json(unfinished(options), {{"job", fs::absolute(options.job).string()}});
    const SecretKey key = SecretKey::generate(plan.parameters());
    value_or_throw(
        write_secret_key(options.owner / "secret.key", key, options.passphrase.for_new_key()));
    const PredictionJob job = new_prediction_job(plan, key);
    ProgressLine line(options.run.quiet);
    write_prediction_record(options.owner, record_of(job, rows));
    write_prediction_job(files, job, key, rows, line);
    fs::remove(unfinished(options));
    print_summary("{}  {:<22}{} rows{}, {} in all\n  {:<22}cipherfit-server {}{}\n", rows.notes,
                  "encrypted", format_count(plan.shape().samples),
                  rows.expected ? " and the model" : "", format_bytes(sent_bytes(files)),
                  "next, on the server", options.job.string(), rows.expected ? "" : " --model DIR");
}

void decrypt_scores_command(PredictOptions& options) {
    set_thread_count(options.run.threads);
    OutputCheck check;
    check.reads("--passphrase-file", options.passphrase.file());
    check.keeps_owner_and_job(options.owner, options.job);
    add_outputs(check, options.output);
    check.check();
    const PredictionRecord record = read_prediction_record(options.owner);
    const fs::path path = options.owner / "secret.key";
    const SecretKey key = value_or_throw(read_secret_key(path, options.passphrase.for_key(path)));
    finish_prediction(PredictionFiles{options.job}, record, key,
                      DecryptionRecord(options.owner / "decryptions.json"), options.output);
}

void add_directories(CLI::App& command, PredictOptions& options) {
    command.add_option("--owner", options.owner, "A private directory, for the key")
        ->required()
        ->type_name("DIR");
    command.add_option("--job", options.job, "The directory for the server")
        ->required()
        ->type_name("DIR");
}

}  // namespace

void add_predict_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "predict", "Encrypt new rows, have a server process score them, decrypt: all in one");
    command->footer(
        "Examples:\n"
        "  cipherfit predict --model run/model --data test.csv --out predictions.csv --top 3\n"
        "  cipherfit predict --model run/model --data new.npy --no-labels --out predictions.csv\n"
        "  cipherfit predict --server-model theirs --data test.csv --out predictions.csv\n"
        "  cipherfit predict --model run/model --data test.csv --out predictions.csv \\\n"
        "                    --server train.example:7443 --identity me\n\n"
        "The model is encrypted too, unless it is the server's. A new key is made and forgotten.");
    auto options = std::make_shared<PredictOptions>();
    add_predict_source_options(*command, options->source);
    add_predict_output_options(*command, options->output);
    add_run_options(*command, options->run);
    add_remote_options(*command, options->remote);
    command->callback([options] { predict(*options); });
}

void add_encrypt_rows_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "encrypt-rows", "Encrypt new rows, and the model, for a server to score");
    command->footer(
        "Examples:\n"
        "  cipherfit encrypt-rows --model model --data new.csv --owner private2 --job job2\n"
        "  cipherfit-server job2                                  (on the server)\n"
        "  cipherfit decrypt-scores --owner private2 --job job2 --out predictions.csv\n\n"
        "With --server-model DIR the server scores with a model of its own: 'cipherfit-server "
        "job2\n"
        "--model DIR'. Every call makes a new key.");
    auto options = std::make_shared<PredictOptions>();
    add_predict_source_options(*command, options->source);
    add_directories(*command, *options);
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    command->callback([options] { encrypt_rows(*options); });
}

void add_decrypt_scores_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("decrypt-scores",
                                           "Decrypt a server's scores: classes and probabilities");
    command->footer(
        "Example:\n"
        "  cipherfit decrypt-scores --owner private2 --job job2 --out predictions.csv --top 3\n\n"
        "Scores of your own model that leave the error bound around those in the clear are "
        "refused.");
    auto options = std::make_shared<PredictOptions>();
    add_directories(*command, *options);
    add_predict_output_options(*command, options->output);
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    command->callback([options] { decrypt_scores_command(*options); });
}

}  // namespace cipherfit
