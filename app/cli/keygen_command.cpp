// cipherfit keygen: the secret key, and the evaluation keys that the server needs.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cli/commands.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "common/streams.h"

#include <memory>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct KeygenOptions {
    std::filesystem::path owner, job;
    RunOptions run;
    Passphrase passphrase;
};

void keygen(KeygenOptions& options) {
    set_thread_count(options.run.threads);
    const OwnerFiles files{options.owner};
    OutputCheck check;
    check.reads("--passphrase-file", options.passphrase.file());
    check.makes("--owner", options.owner);
    check.makes("--job", options.job);
    check.sends("--job", options.job);
    check.check();
    OwnerSession session = OwnerSession::open(options.owner);
    make_owner_directory(files.directory);
    const auto lock = value_or_throw(DirectoryLock::acquire(files.directory));
    const JobFiles job{options.job};
    make_job_directory(job.directory);
    remove_stale_files(files.directory);
    ProgressLine line(options.run.quiet);
    make_keys(session, job, options.passphrase, line);
    print_summary(
        "  {:<22}{}  (keep it; the server never gets it)\n  {:<22}{}, {}\n", "secret key",
        files.secret_key().string(), "evaluation keys", job.evaluation_keys().string(),
        format_bytes(static_cast<double>(std::filesystem::file_size(job.evaluation_keys()))));
}

}  // namespace

void add_keygen_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "keygen", "Make the secret key, and the evaluation keys that the plan asks for");
    command->footer(
        "Example:\n"
        "  cipherfit keygen --owner private --job job\n\n"
        "Needs private/plan.json ('cipherfit plan --owner private'). The secret key is created\n"
        "with mode 0600 and never replaced; evaluation keys that are missing are made anew.");
    auto options = std::make_shared<KeygenOptions>();
    command->add_option("--owner", options->owner, "The owner's private directory")
        ->required()
        ->type_name("DIR");
    command->add_option("--job", options->job, "The directory for the server")
        ->required()
        ->type_name("DIR");
    options->passphrase.add_options(*command);
    add_run_options(*command, options->run);
    command->callback([options] { keygen(*options); });
}

}  // namespace cipherfit
