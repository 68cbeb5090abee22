// cipherfit encrypt: the training rows become ciphertexts of a job.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cli/commands.h"
#include "cli/output_check.h"
#include "cli/own_files.h"
#include "cli/owner_steps.h"
#include "common/signals.h"
#include "common/streams.h"

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct EncryptOptions {
    std::filesystem::path owner, job;
    SampleOptions train;
    RunOptions run;
    Passphrase passphrase;
    bool renew = false;
};

void encrypt(EncryptOptions& options) {
    set_thread_count(options.run.threads);
    const OwnerFiles files{options.owner};
    OutputCheck check;
    check.reads("--train", options.train);
    check.reads("--passphrase-file", options.passphrase.file());
    check.makes("--owner", options.owner);
    check.makes("--job", options.job);
    check.sends("--job", options.job);
    check.check();
    std::optional<StopAtOnce> reading(std::in_place);
    OwnerSession session = OwnerSession::open(options.owner);
    Samples training = read_planned_rows(files, options.train);
    reading.reset();
    const auto lock = value_or_throw(DirectoryLock::acquire(files.directory));
    const JobFiles job{options.job};
    make_job_directory(job.directory);
    remove_stale_files(files.directory);
    load_key(session, options.passphrase);
    if (options.renew) {
        require_no_links(job.directory, "--renew");
        DirectoryStore store(job.directory);
        session.renew(store);
    }
    ProgressLine line(options.run.quiet);
    session.use_rows(extract(session.state().columns.extractor.get(), std::move(training.data)));
    encrypt_job(session, job, line);
    double bytes = 0;
    const std::size_t batches = session.plan().row_files();
    const bool batched = batches > 1;
    for (std::size_t batch = 0; batch < batches; ++batch) {
        bytes += static_cast<double>(
            std::filesystem::file_size(batched ? job.batch(batch) : job.training_data()));
    }
    print_summary("  {:<22}{}, {}\n  {:<22}cipherfit train --job {}\n", "encrypted rows",
                  (batched ? job.batch(0).parent_path() : job.training_data()).string(),
                  format_bytes(bytes), "next, on the server", job.directory.string());
}

}  // namespace

void add_encrypt_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "encrypt",
        "Encrypt the training rows into a job directory, which is all that the server gets");
    command->footer(
        "Examples:\n"
        "  cipherfit encrypt --owner private --job job\n"
        "  cipherfit encrypt --owner private --job job --train train.csv\n\n"
        "The rows must be those of the plan; without --train they are read from where the plan\n"
        "read them. What an earlier call left undamaged is kept.");
    auto options = std::make_shared<EncryptOptions>();
    command->add_option("--owner", options->owner, "The owner's private directory")
        ->required()
        ->type_name("DIR");
    command->add_option("--job", options->job, "The directory for the server")
        ->required()
        ->type_name("DIR");
    add_train_options(*command, options->train, false);
    command->add_flag("--renew", options->renew,
                      "Encrypt afresh as a new job; the job's ciphertexts, checkpoint and model "
                      "are removed");
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    command->callback([options] { encrypt(*options); });
}

}  // namespace cipherfit
