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
    try {
        store.requeue_running();
    } catch (const std::exception& error) {
        // A full disk does not keep the service from its start; what is "running" is served too.
        log_warning("not_requeued", {{"error", error.what()}});
    }
    for (const JobRecord& job : store.jobs_in({JobState::running, JobState::queued})) {
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
        found->second->end_of_looking.request_stop();
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
                    if (Clock::now() > ends_by_) {
                        job->end_of_looking.request_stop();
                    }
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
            if (front != nullptr && !has_disk()) {
                not_before_ =
                    Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                       std::chrono::duration<double>(settings_.retry_seconds));
            }
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

// A job that starts on a full disk would be ended as soon as it writes.
bool Scheduler::has_disk() {
    const bool has_some = free_bytes(settings_) >= settings_.disk_reserve_bytes / 2;
    if (!has_some && !waits_for_disk_) {
        log_warning("jobs_wait_for_disk", nlohmann::json::object());
    }
    waits_for_disk_ = !has_some;
    return has_some;
}

void Scheduler::start(const QueuedJob& next) {
    bool is_launched = true;
    try {
        const auto record = store_.job(next.id);
        // One that is "running" could not be put back into the queue by its record.
        if (!record || (record->state != JobState::queued && record->state != JobState::running) ||
            is_running(next.id)) {
            return;  // cancelled or deleted a moment ago
        }
        if (!has_hours(settings_, store_, record->owner)) {
            store_.move(next.id, {record->state}, JobState::failed,
                        hours_are_used(settings_, record->owner));
        } else {
            audit_.add({.who = "server", .what = "run", .job = next.id});
            if (!store_.move(next.id, {JobState::queued, JobState::running}, JobState::running)) {
                return;
            }
            is_launched = launch(*record);
        }
        if (is_launched) {
            starts_.erase(next.id);
        } else {
            try_later(next);
        }
    } catch (const std::exception& error) {
        // The database or the audit log failed, which says nothing of the job.
        log_warning("job_not_started", {{"job", next.id}, {"error", error.what()}});
        if (!is_running(next.id)) {
            put_back(next, 4 * settings_.retry_seconds);
        }
    }
    watchers_.notify(next.id);
}

bool Scheduler::launch(const JobRecord& record) {
    auto job = std::make_unique<RunningJob>();
    job->record = record;
    job->directory = settings_.data / "jobs" / record.id;
    job->disk_bytes = disk_use_of(job->directory, disk_limit_of(record.cost.disk_bytes)).bytes;
    job->launched = std::filesystem::file_time_type::clock::now();
    const std::lock_guard lock(mutex_);
    try {
        job->process =
            std::make_unique<JobProcess>(job->record, job->directory, settings_, threads_,
                                         memory_limit_of(record.cost.memory_bytes));
    } catch (const std::exception& error) {
        log_warning("job_not_started", {{"job", record.id}, {"error", error.what()}});
        return false;
    }
    running_.emplace(record.id, std::move(job));
    // Who asked for its end before it was there had nobody to tell.
    const auto now = store_.job(record.id);
    RunningJob& made = *running_.at(record.id);
    if (!now) {  // deleted a moment ago
        made.is_deleted = true;
        made.process->signal(SIGKILL);
    } else if (now->cancel_asked && !made.told_to_stop) {
        made.told_to_stop = true;
        made.process->signal(SIGTERM);
    }
    return true;
}

// The system was short of something: all wait a little, then this one is tried again.
void Scheduler::try_later(const QueuedJob& next) {
    const int starts = std::min(starts_[next.id] + 1, most_starts);
    starts_[next.id] = starts;
    if (starts >= most_starts) {
        store_.move(next.id, {JobState::running, JobState::queued}, JobState::failed,
                    "the server could not start its process: start the job again");
        starts_.erase(next.id);
        return;
    }
    store_.move(next.id, {JobState::running}, JobState::queued);
    put_back(next, settings_.retry_seconds * (1U << static_cast<unsigned>(starts - 1)));
}

void Scheduler::put_back(const QueuedJob& next, double seconds) {
    not_before_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(seconds));
    const std::lock_guard lock(mutex_);
    queue_.put_back(next);
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
