#include "service/scheduler.h"

#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/prediction_files.h"
#include "service/admission.h"
#include "service/clock.h"
#include "service/journal.h"
#include "service/outcome.h"

#include <algorithm>
#include <csignal>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

constexpr auto tell_every = std::chrono::milliseconds(250);
constexpr auto look_every = std::chrono::milliseconds(500);
constexpr auto try_again_after = std::chrono::seconds(1);
constexpr int most_starts = 5;  // of one job's process, one after the other

}  // namespace

Scheduler::Scheduler(const Settings& settings, std::uint64_t memory_bytes, Store& store,
                     AuditLog& audit, Metrics& metrics, Watchers& watchers)
    : settings_(settings),
      memory_bytes_(memory_bytes),
      threads_(settings.threads != 0
                   ? settings.threads
                   : std::max(1U, std::thread::hardware_concurrency() / settings.parallel_jobs)),
      store_(store),
      audit_(audit),
      metrics_(metrics),
      watchers_(watchers),
      wakened_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    require(wakened_.valid(), ErrorCode::io_failure, "no descriptor is left");
    store.requeue_running();
    for (const JobRecord& job : store.jobs_in({JobState::queued})) {
        queue_.push(job.owner, {job.id, job.cost.memory_bytes});
    }
    thread_ = std::thread([this] { run(); });
}

Scheduler::~Scheduler() {
    shutdown();
}

void Scheduler::wake() const {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wakened_.get(), &one, sizeof(one)) >= 0);
}

void Scheduler::add(const JobRecord& job) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push(job.owner, {job.id, job.cost.memory_bytes});
    }
    wake();
}

bool Scheduler::remove(const JobRecord& job) {
    const std::lock_guard lock(mutex_);
    return queue_.remove(job.owner, job.id);
}

void Scheduler::stop(const std::string& id, bool now) {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end()) {
        return;
    }
    if (now) {
        found->second->is_deleted = true;
        found->second->killed_for = "it was deleted";
        found->second->process->signal(SIGKILL);
    } else if (!found->second->told_to_stop) {
        found->second->told_to_stop = true;
        found->second->process->signal(SIGTERM);
    }
}

void Scheduler::wait_for_end(const std::string& id) const {
    while (true) {
        {
            const std::lock_guard lock(mutex_);
            if (!running_.contains(id)) {
                return;
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

std::optional<std::size_t> Scheduler::position(const JobRecord& job) const {
    const std::lock_guard lock(mutex_);
    return queue_.position(job.owner, job.id);
}

std::optional<JobProgress> Scheduler::progress(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(id);
    return found == running_.end() ? std::nullopt : std::optional(found->second->progress);
}

void Scheduler::shutdown() {
    {
        const std::lock_guard lock(mutex_);
        if (!ends_) {
            ends_ = true;
            ends_by_ =
                Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(settings_.shutdown_seconds));
        }
    }
    wake();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Scheduler::run() {
    std::vector<pollfd> waits;
    while (true) {
        {
            const std::lock_guard lock(mutex_);
            if (ends_) {
                for (auto& [id, job] : running_) {
                    if (!job->told_to_stop) {
                        job->told_to_stop = true;
                        job->process->signal(SIGTERM);
                    } else if (Clock::now() > ends_by_) {
                        job->process->signal(SIGKILL);
                    }
                }
                if (running_.empty()) {
                    return;
                }
            }
        }
        try {
            start_what_fits();
        } catch (const std::exception& error) {
            log_warning("not_started", {{"error", error.what()}});
        }
        waits.clear();
        waits.push_back({wakened_.get(), POLLIN, 0});
        for (const auto& [id, job] : running_) {
            waits.push_back({job->process->ended() ? -1 : job->process->descriptor(), POLLIN, 0});
        }
        const bool is_idle = running_.empty() && changed_.empty() && Clock::now() >= not_before_;
        ::poll(waits.data(), waits.size(), is_idle ? 5000 : 100);
        std::uint64_t wakes = 0;
        static_cast<void>(::read(wakened_.get(), &wakes, sizeof(wakes)) >= 0);
        std::vector<RunningJob*> ended;
        for (auto& [id, job] : running_) {
            if (job->process->ended()) {
                ended.push_back(job.get());
                continue;
            }
            hear(*job);
            watch_limits(*job);
        }
        for (RunningJob* job : ended) {
            end(*job);
        }
        tell_watchers();
    }
}

void Scheduler::start_what_fits() {
    while (true) {
        QueuedJob next;
        {
            const std::lock_guard lock(mutex_);
            std::uint64_t used = 0;
            for (const auto& [id, job] : running_) {
                used += job->record.cost.memory_bytes;
            }
            metrics_.show_queue(queue_.size(), running_.size(), used);
            const QueuedJob* front = queue_.front();
            // A large one waits until there is room and is not passed by smaller ones.
            if (ends_ || front == nullptr || Clock::now() < not_before_ ||
                running_.size() >= settings_.parallel_jobs ||
                (!running_.empty() && used + front->memory_bytes > memory_bytes_)) {
                return;
            }
            next = queue_.pop();
        }
        start(next);
    }
}

void Scheduler::start(const QueuedJob& next) {
    std::string owner;
    try {
        const auto record = store_.job(next.id);
        // One that is "running" could not be put back into the queue by its record.
        if (!record || (record->state != JobState::queued && record->state != JobState::running)) {
            return;  // cancelled or deleted a moment ago
        }
        owner = record->owner;
        if (!has_hours(settings_, store_, owner)) {
            store_.move(next.id, {record->state}, JobState::failed,
                        hours_are_used(settings_, owner));
        } else {
            audit_.add({.who = "server", .what = "run", .job = next.id});
            if (!store_.move(next.id, {JobState::queued, JobState::running}, JobState::running)) {
                return;
            }
            launch(*record);
        }
        starts_.erase(next.id);
    } catch (const std::exception& error) {
        log_warning("job_not_started", {{"job", next.id}, {"error", error.what()}});
        if (!is_running(next.id)) {
            put_back(next, owner);
        }
    }
    watchers_.notify(next.id);
}

void Scheduler::launch(const JobRecord& record) {
    auto job = std::make_unique<RunningJob>();
    job->record = record;
    job->directory = settings_.data / "jobs" / record.id;
    const std::lock_guard lock(mutex_);
    job->process = std::make_unique<JobProcess>(job->record, job->directory, settings_, threads_,
                                                memory_limit_of(record.cost.memory_bytes));
    running_.emplace(record.id, std::move(job));
    // Who asked for its end before it was there had nobody to tell.
    const auto now = store_.job(record.id);
    RunningJob& made = *running_.at(record.id);
    if (now && now->cancel_asked && !made.told_to_stop) {
        made.told_to_stop = true;
        made.process->signal(SIGTERM);
    }
}

// The system was short of something: all wait a little, then this one is tried again.
void Scheduler::put_back(const QueuedJob& next, const std::string& owner) {
    const int starts = ++starts_[next.id];
    not_before_ =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                           settings_.retry_seconds * (1U << (starts - 1))));
    if (starts >= most_starts) {
        starts_.erase(next.id);
        not_before_ = {};
        store_.move(next.id, {JobState::running, JobState::queued}, JobState::failed,
                    "the server could not start its process: start the job again");
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        queue_.put_back(owner, next);
    }
    store_.move(next.id, {JobState::running}, JobState::queued);
}

bool Scheduler::is_running(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return running_.contains(id);
}

void Scheduler::hear(RunningJob& job) {
    job.process->listen([&](const Progress& told) {
        const std::lock_guard lock(mutex_);
        job.note(told);
        changed_.insert(job.record.id);
    });
}

void Scheduler::watch_limits(RunningJob& job) {
    const auto now = Clock::now();
    if (now - job.looked < look_every) {
        return;
    }
    job.looked = now;
    const BrokenLimit broken = broken_limit(job, settings_);
    const std::lock_guard lock(mutex_);
    if (broken.overrun == Overrun::kill && job.killed_for.empty()) {
        job.killed_for = broken.reason;
        job.process->signal(SIGKILL);
    } else if (broken.overrun == Overrun::ask && !job.told_to_stop) {
        job.told_to_stop = true;
        job.process->signal(SIGTERM);
    }
}

void Scheduler::end(RunningJob& job) {
    // What the disk or the database did not take is tried again, not at once.
    if (Clock::now() < job.end_again) {
        return;
    }
    hear(job);  // what it said last
    const double seconds = job.ran_seconds ? *job.ran_seconds : job.seconds();
    job.ran_seconds = seconds;
    try {
        bool ends = false;
        {
            const std::lock_guard lock(mutex_);
            ends = ends_;
        }
        const auto record = store_.job(job.record.id);
        const double limit = settings_.job_hours * 3600;
        const Outcome outcome = outcome_of({.job = job.record,
                                            .directory = job.directory,
                                            .status = job.process->status(),
                                            .words = job.process->last_words(),
                                            .killed_for = job.killed_for,
                                            .is_cancelled = record && record->cancel_asked,
                                            .is_shutdown = ends && job.told_to_stop,
                                            .is_over_time = limit > 0 && seconds > limit});
        if (!job.is_counted) {
            store_.add_usage(job.record.owner, unix_now(), seconds);
            job.is_counted = true;
        }
        if (outcome.state == JobState::queued) {  // the next process goes on with it
            store_.move(job.record.id, {JobState::running}, JobState::queued);
        } else {
            finish(job, outcome.state, outcome.reason, outcome.review_iteration);
        }
        metrics_.count_finished(std::string(name(job.record.kind)),
                                std::string(name(outcome.state)), seconds);
        log_info("job_ended", {{"job", job.record.id},
                               {"client", job.record.owner},
                               {"state", name(outcome.state)},
                               {"reason", outcome.reason},
                               {"seconds", seconds}});
    } catch (const std::exception& error) {
        log_warning("job_end_not_kept", {{"job", job.record.id}, {"error", error.what()}});
        const std::lock_guard lock(mutex_);
        if (!ends_ && !job.is_deleted) {  // the next start of the service goes on with it otherwise
            job.end_again = Clock::now() + try_again_after;
            return;
        }
    }
    const std::string id = job.record.id;
    {
        const std::lock_guard lock(mutex_);
        running_.erase(id);
    }
    watchers_.notify(id);
}

void Scheduler::finish(RunningJob& job, JobState state, const std::string& reason, int iteration) {
    const std::string& id = job.record.id;
    std::string digest;
    for (const FileRecord& file : result_files(job.directory, job.record.kind)) {
        store_.put_file(id, file);
        if (digest.empty() && state == JobState::succeeded) {
            digest = file.sha256;
        }
    }
    if (!job.is_noted) {
        audit_.add({.who = "server",
                    .what = fmt::format("ended: {}", name(state)),
                    .job = id,
                    .digest = digest,
                    .detail = reason});
        job.is_noted = true;
    }
    // A cancelled job could be in any state by now but this one.
    store_.move(id, {JobState::running}, state, reason, iteration);
}

void Scheduler::tell_watchers() {
    std::set<std::string> changed;
    {
        const std::lock_guard lock(mutex_);
        if (changed_.empty() || Clock::now() - told_ < tell_every) {
            return;
        }
        told_ = Clock::now();
        changed.swap(changed_);
    }
    for (const std::string& id : changed) {
        watchers_.notify(id);
    }
}

}  // namespace cipherfit::service
