// cipherfit jobs: what a service has of this client.
#include "cli/commands.h"
#include "cli/remote_steps.h"
#include "common/streams.h"

#include <ctime>
#include <memory>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace cipherfit {
namespace {

constexpr unsigned most_listed = 1000;

struct JobsOptions {
    RemoteOptions remote;
    std::string id;
};

std::string time_text(std::int64_t at) {
    return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(static_cast<std::time_t>(at)));
}

std::string remark(const RemoteJob& job) {
    switch (job.state) {
        case RemoteState::queued:
            return fmt::format("{} before it", job.queue_position);
        case RemoteState::running:
            return job.progress ? fmt::format("{:.0f} % done", 100 * job.progress->work_done)
                                : std::string();
        case RemoteState::awaiting_review:
            return fmt::format("iteration {} waits for an answer", job.review_iteration);
        default:
            return job.reason;
    }
}

void print_job(const RemoteJob& job) {
    std::string line = fmt::format("{}  {}  {:<15}  {}", job.id, time_text(job.created_at),
                                   name(job.state), remark(job));
    line.erase(line.find_last_not_of(' ') + 1);
    print_answer("{}\n", line);
}

void list(const JobsOptions& options) {
    ProgressLine line(true);
    RemoteRun run(options.remote, line);
    for (const RemoteJob& job : run.client().jobs(most_listed)) {
        print_job(job);
    }
}

void cancel(const JobsOptions& options) {
    ProgressLine line(true);
    RemoteRun run(options.remote, line);
    print_job(run.client().cancel(options.id));
}

void remove(const JobsOptions& options) {
    ProgressLine line(true);
    RemoteRun run(options.remote, line);
    // It says whether there is one: a removal that is repeated does not.
    const RemoteJob job = run.client().job(Shelf::job, options.id);
    run.client().remove(Shelf::job, job.id);
    print_answer("{}  deleted\n", job.id);
}

CLI::App* add_part(CLI::App& app, const char* name, const char* description,
                   void (*act)(const JobsOptions&)) {
    CLI::App* part = app.add_subcommand(name, description);
    const auto options = std::make_shared<JobsOptions>();
    add_remote_options(*part, options->remote);
    part->get_option("--server")->required();
    if (act != list) {
        part->add_option("job", options->id, "The job's number, as 'jobs list' prints it")
            ->required()
            ->type_name("JOB");
    }
    part->callback([options, act] { act(*options); });
    return part;
}

}  // namespace

void add_jobs_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("jobs", "List, cancel or delete your jobs at a service");
    command->footer(
        "Example:\n"
        "  cipherfit jobs list --server train.example:7443 --identity me\n\n"
        "The newest comes first, with its number, when it was made and its state.");
    command->require_subcommand(1);
    add_part(*command, "list", "List your jobs", list);
    add_part(*command, "cancel",
             "Take a job out of the queue, or end it after the iteration at hand", cancel);
    add_part(*command, "delete", "Remove a job with all its files from the service", remove);
}

}  // namespace cipherfit
