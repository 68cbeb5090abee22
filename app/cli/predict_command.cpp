// cipherfit predict, encrypt-rows, decrypt-scores: rows are scored by a server that cannot see
// them.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "cli/commands.h"
#include "cli/owner_files.h"
#include "cli/predict_steps.h"
#include "cli/server_process.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

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
};

// A new directory of the system's for temporary files, removed with all that is in it.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string name = (fs::temp_directory_path() / "cipherfit-predict-XXXXXX").string();
        require(::mkdtemp(name.data()) != nullptr, ErrorCode::io_failure, "cannot make {}: {}",
                name, std::strerror(errno));
        path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

PredictionJob new_job(const PredictionPlan& plan, const SecretKey& key) {
    Nonce nonce{};
    random_bytes(nonce);
    return {plan, prediction_identity(plan, key.id(), nonce)};
}

double sent_bytes(const PredictionFiles& files) {
    double sum = 0;
    for (const fs::path& path : {files.evaluation_keys(), files.rows(), files.model()}) {
        std::error_code error;
        const auto size = fs::file_size(path, error);
        sum += error ? 0 : static_cast<double>(size);
    }
    return sum;
}

// The key lives as long as this process.
void predict(PredictOptions& options) {
    set_thread_count(options.run.threads);
    static_cast<void>(server_program());
    const RowsToScore rows = read_rows_to_score(options.source);
    const PredictionPlan plan = plan_prediction(rows);
    const TemporaryDirectory directory;
    const PredictionFiles files{directory.path()};
    const SecretKey key = SecretKey::generate(plan.parameters());
    const PredictionJob job = new_job(plan, key);
    ProgressLine line(options.run.quiet);
    write_prediction_job(files, job, key, rows, line);
    std::vector<std::string> more;
    if (!options.source.server_model.empty()) {
        more = {"--model", fs::absolute(options.source.server_model).string()};
    }
    line.phase("server: scores");
    const ServerRun run = run_server(
        files.directory, options.run.threads, more, [](const ServerProgress&) {},
        [&line] { line.tick(); });
    line.finish();
    const double up = sent_bytes(files);
    finish_prediction(files, record_of(job, rows), key, DecryptionRecord(), options.output);
    fmt::print("{}", rows.notes);
    fmt::print("  {:<22}N = 2^{}, {}-bit security; {} up, {} down; the server took {}\n", "under",
               plan.parameters().log_n(), plan.parameters().security_bits(), format_bytes(up),
               format_bytes(static_cast<double>(fs::file_size(files.scores()))),
               format_seconds(run.seconds));
}

void encrypt_rows(PredictOptions& options) {
    set_thread_count(options.run.threads);
    require(
        !fs::exists(options.owner / "prediction.json") && !fs::exists(options.owner / "secret.key"),
        ErrorCode::bad_input,
        "{}: holds a key already, and a key is for one job: use a new directory",
        options.owner.string());
    const PredictionFiles files{options.job};
    require(!fs::exists(files.plan()) && !fs::exists(JobFiles{options.job}.plan()),
            ErrorCode::bad_input, "{}: holds a job already: use a new directory",
            options.job.string());
    const RowsToScore rows = read_rows_to_score(options.source);
    const PredictionPlan plan = plan_prediction(rows);
    make_owner_directory(options.owner);
    const auto lock = value_or_throw(DirectoryLock::acquire(options.owner));
    make_job_directory(options.job);
    const auto job_lock = value_or_throw(DirectoryLock::acquire(options.job));
    remove_stale_files(options.job);
    const SecretKey key = SecretKey::generate(plan.parameters());
    value_or_throw(
        write_secret_key(options.owner / "secret.key", key, options.passphrase.for_new_key()));
    const PredictionJob job = new_job(plan, key);
    ProgressLine line(options.run.quiet);
    write_prediction_record(options.owner, record_of(job, rows));
    write_prediction_job(files, job, key, rows, line);
    fmt::print("{}  {:<22}{} rows{}, {} in all\n  {:<22}cipherfit-server {}{}\n", rows.notes,
               "encrypted", format_count(plan.shape().samples),
               rows.expected ? " and the model" : "", format_bytes(sent_bytes(files)),
               "next, on the server", options.job.string(), rows.expected ? "" : " --model DIR");
}

void decrypt_scores_command(PredictOptions& options) {
    set_thread_count(options.run.threads);
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
        "  cipherfit predict --server-model theirs --data test.csv --out predictions.csv\n\n"
        "The model is encrypted too, unless it is the server's. A new key is made and forgotten.");
    auto options = std::make_shared<PredictOptions>();
    add_predict_source_options(*command, options->source);
    add_predict_output_options(*command, options->output);
    add_run_options(*command, options->run);
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
