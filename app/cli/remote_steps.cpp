#include "cli/remote_steps.h"

#include "cipherfit/parties/charter_files.h"
#include "cipherfit/protocol/job_files.h"
#include "cli/owner_files.h"
#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

RetryLimits limits_of(const RemoteOptions& options) {
    RetryLimits limits;
    limits.silence_seconds = options.patience_seconds;
    limits.contact_seconds = std::min(limits.contact_seconds, options.patience_seconds);
    return limits;
}

// A review's checkpoint is here; waits until the job is no longer in want of an answer. Throws
// Error(interrupted) if none comes.
void wait_for_answer(RemoteRun& run, JobExchange& job, const fs::path& files, int iteration,
                     double seconds) {
    const DirectoryStore store(files);
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (true) {
        if (store.exists(contents::answer(iteration))) {
            static_cast<void>(job.post_answer(iteration));
            return;
        }
        if (run.client().job(Shelf::job, job.id()).state != RemoteState::awaiting_review) {
            return;
        }
        require(Clock::now() < end, ErrorCode::interrupted,
                "{}: iteration {} waits for the owner's answer: have the owner answer, and run "
                "again to go on",
                store.label(contents::kept_checkpoint(iteration)), iteration);
        for (int i = 0; i < 10 && Clock::now() < end; ++i) {
            run.on_idle();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
}

double server_seconds(const fs::path& files, const RemoteJob& job) {
    const fs::path report = files / contents::server_report;
    if (fs::exists(report)) {
        const auto json = read_json(report);
        if (const auto found = json.find("total_seconds");
            found != json.end() && found->is_number()) {
            return found->get<double>();
        }
    }
    return static_cast<double>(std::max<std::int64_t>(job.finished_at - job.started_at, 0));
}

std::string digest_of_charter(const fs::path& directory) {
    return to_hex(charter_digest(value_or_throw(read_charter(CharterFiles{directory})).charter));
}

}  // namespace

void add_remote_options(CLI::App& app, RemoteOptions& remote) {
    const char* group = "Service";
    CLI::Option* server =
        app.add_option(
               "--server", remote.server,
               "Have a service do the server's part: where 'cipherfit-server serve' listens")
            ->group(group)
            ->type_name("HOST:PORT")
            ->check([](const std::string& text) {
                try {
                    static_cast<void>(checked_address(text));
                    return std::string();
                } catch (const Error& error) {
                    return std::string(error.what());
                }
            });
    CLI::Option* identity =
        app.add_option("--identity", remote.identity,
                       "Your certificate for it: a directory with ca.pem, cert.pem and key.pem")
            ->group(group)
            ->type_name("DIR");
    server->needs(identity);
    identity->needs(server);
    app.add_option("--server-patience", remote.patience_seconds,
                   "Seconds without a word from the service after which the command gives up")
        ->group(group)
        ->capture_default_str()
        ->check(real_number(0, 1e9))
        ->type_name("SECONDS")
        ->needs(server);
}

RemoteRun::RemoteRun(const RemoteOptions& options, ProgressLine& line)
    : line_(line),
      client_(options.server, read_identity(options.identity), *this, limits_of(options)) {
    static_cast<void>(client_.greet());
}

void RemoteRun::begin(const std::string& phase) {
    if (phase != phase_) {
        phase_ = phase;
        view_.reset();
        line_.phase(phase);
    }
}

void RemoteRun::on_idle() {
    line_.tick();
    if (follows_) {
        require(!stop_on_signal().stop_requested(), ErrorCode::interrupted,
                "stopped by a signal; the service goes on with the job: give the same command "
                "again to follow it");
    }
    check_interrupt();
}

void RemoteRun::transfer(const char* verb, const std::string& name, std::uint64_t done,
                         std::uint64_t total) {
    begin(fmt::format("{} {}", verb, name));
    const auto all = static_cast<double>(total);
    line_.update(
        total == 0 ? -1.0 : static_cast<double>(done) / all,
        fmt::format("{} of {}", format_bytes(static_cast<double>(done)), format_bytes(all)));
    check_interrupt();
}

void RemoteRun::on_upload(const std::string& name, std::uint64_t done, std::uint64_t total) {
    follows_ = false;
    transfer("sending", name, done, total);
}

void RemoteRun::on_download(const std::string& name, std::uint64_t done, std::uint64_t total) {
    follows_ = false;
    transfer("getting", name, done, total);
}

void RemoteRun::on_job(const RemoteJob& job) {
    follows_ = true;
    if (job.state == RemoteState::queued) {
        begin("service: in the queue");
        line_.update(-1, job.queue_position == 0 ? std::string()
                                                 : fmt::format("{} before it", job.queue_position));
    } else if (job.state == RemoteState::running && job.progress) {
        if (!view_) {
            phase_ = "running";
            view_.emplace(line_);
        }
        view_->show(*job.progress);
    }
}

void RemoteRun::on_trouble(const std::string& reason) {
    line_.update(-1, fmt::format("trying again ({})", reason.substr(0, 60)));
}

RemoteResult run_at_service(RemoteRun& run, JobExchange& job, const fs::path& files,
                            const RemoteTraining& training, double review_wait) {
    static_cast<void>(job.create(training));
    RemoteJob now = job.submit();
    while (now.state == RemoteState::queued || now.state == RemoteState::running ||
           now.state == RemoteState::awaiting_review) {
        now = job.follow([](const RemoteJob&) { return true; });
        if (now.state == RemoteState::awaiting_review) {
            job.fetch();
            wait_for_answer(run, job, files, now.review_iteration, review_wait);
        }
    }
    if (now.state == RemoteState::stopped) {
        job.fetch();
        return {.seconds = 0, .stopped_by_owner = true};
    }
    require_success(run.client(), now);
    job.fetch();
    return {.seconds = server_seconds(files, now)};
}

void forget_at_service(JobExchange& job) {
    try {
        job.remove();
    } catch (const Error& error) {
        if (error.code() == ErrorCode::interrupted) {
            throw;
        }
        print_error("the service keeps the job until its time is over: {}\n", error.what());
    }
}

RemoteCharter::RemoteCharter(const RemoteOptions& options, const fs::path& directory,
                             const std::vector<std::string>& clients, bool quiet)
    : line_(quiet),
      run_(options, line_),
      id_(digest_of_charter(directory)),
      exchange_(run_.client(), directory, id_, clients) {
    exchange_.synchronise();
    line_.finish();
}

void RemoteCharter::fetch_result() {
    exchange_.start_if_ready();
    const RemoteJob job = run_.client().watch(
        Shelf::charter, id_,
        // The stream of a charter goes on when the training has ended: more may be posted.
        [](const RemoteJob& now) {
            return now.state == RemoteState::queued || now.state == RemoteState::running;
        });
    require(job.state != RemoteState::uploading, ErrorCode::bad_input,
            "{}: messages of members are missing there still: have all of them take their steps "
            "first",
            run_.client().address());
    require_success(run_.client(), job);
    exchange_.synchronise();
    line_.finish();
}

}  // namespace cipherfit
