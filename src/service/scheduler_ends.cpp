// The ends of jobs: what they have made, what became of them, and who is told.
#include "service/clock.h"
#include "service/journal.h"
#include "service/outcome.h"
#include "service/scheduler.h"

#include <functional>
#include <future>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

constexpr auto try_again_after = std::chrono::seconds(1);

// Also where what goes before throws.
class WakeAtEnd {
  public:
    explicit WakeAtEnd(std::function<void()> wake) : wake_(std::move(wake)) {}
    ~WakeAtEnd() { wake_(); }
    WakeAtEnd(const WakeAtEnd&) = delete;
    WakeAtEnd& operator=(const WakeAtEnd&) = delete;

  private:
    std::function<void()> wake_;
};

}  // namespace

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
        bool told_to_stop = false;
        std::string killed_for;
        {
            const std::lock_guard lock(mutex_);
            ends = ends_;
            told_to_stop = job.told_to_stop;
            killed_for = job.killed_for;
        }
        const auto record = store_.job(job.record.id);
        const double limit = settings_.job_hours * 3600;
        Outcome outcome = outcome_of({.job = job.record,
                                      .directory = job.directory,
                                      .status = job.process->status(),
                                      .words = job.process->last_words(),
                                      .killed_for = killed_for,
                                      .is_cancelled = record && record->cancel_asked,
                                      .is_shutdown = ends && told_to_stop,
                                      .is_over_time = limit > 0 && seconds > limit});
        if (outcome.state != JobState::queued && !has_results(job)) {
            return;
        }
        if (const std::string why = unusable_results(job, outcome.state); !why.empty()) {
            outcome = {.state = JobState::failed, .reason = why};
        }
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
    job.end_of_looking.request_stop();
    {
        const std::lock_guard lock(mutex_);
        running_.erase(id);
    }
    watchers_.notify(id);
}

// Looks at what the job has made, on a thread of its own: that may be many gigabytes, but no more
// than it may have. A process could have left a larger file in its last half second.
bool Scheduler::has_results(RunningJob& job) {
    if (job.made || job.is_deleted) {
        return true;
    }
    if (!job.looking.valid()) {
        job.looking = std::async(
            std::launch::async, [this, directory = job.directory, kind = job.record.kind,
                                 limit = disk_limit_of(job.record.cost.disk_bytes),
                                 known = KnownFiles{store_.files(job.record.id), job.launched},
                                 stop = job.end_of_looking.get_token()] {
                const WakeAtEnd wake_at_end([this] { wake(); });
                MadeFiles made;
                made.overrun = disk_overrun(disk_use_of(directory, limit), limit);
                if (made.overrun.empty()) {
                    made.files = result_files(directory, kind, known, stop);
                }
                return made;
            });
    }
    if (job.looking.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        return false;
    }
    job.made = job.looking.get();
    return true;
}

// Why a job that ended well has nothing for its owner; empty: it has.
std::string Scheduler::unusable_results(const RunningJob& job, JobState state) {
    if (!job.made || (state != JobState::succeeded && state != JobState::awaiting_review &&
                      state != JobState::stopped)) {
        return {};
    }
    const auto& [files, overrun] = *job.made;
    if (overrun.empty() && state == JobState::succeeded &&
        (files.empty() || files.front().name != result_of(job.record.kind))) {
        return "its result cannot be read: start it again";
    }
    return overrun;
}

void Scheduler::finish(RunningJob& job, JobState state, const std::string& reason, int iteration) {
    const std::string& id = job.record.id;
    const std::vector<FileRecord> files = job.made.value_or(MadeFiles()).files;
    store_.put_files(id, files);
    const std::string digest =
        !files.empty() && state == JobState::succeeded ? files.front().sha256 : std::string();
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

}  // namespace cipherfit::service
