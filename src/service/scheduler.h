// The queue and the processes of the jobs that run: one thread that starts, hears and ends them.
#pragma once

#include "service/audit_log.h"
#include "service/fair_queue.h"
#include "service/metrics.h"
#include "service/records.h"
#include "service/running_job.h"
#include "service/settings.h"
#include "service/store.h"
#include "service/watchers.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace cipherfit::service {

class Scheduler {
  public:
    // Takes up the queue of the store, where running jobs of an earlier process come first. All
    // arguments must outlive it.
    Scheduler(const Settings& settings, std::uint64_t memory_bytes, Store& store, AuditLog& audit,
              Metrics& metrics, Watchers& watchers);
    // Ends as shutdown() does.
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // A job that the store has put into the queue.
    void add(const JobRecord& job);
    // Takes it out of the queue; false if it is not there.
    bool remove(const JobRecord& job);
    // Asks the process of a running job to end after its iteration; `now` kills it.
    void stop(const std::string& id, bool now);
    // Waits until no process of that job is left.
    void wait_for_end(const std::string& id) const;
    std::optional<std::size_t> position(const JobRecord& job) const;
    std::optional<JobProgress> progress(const std::string& id) const;

    // Lets iterations end and keeps checkpoints; kills what takes longer than the settings say.
    void shutdown();

  private:
    using Clock = std::chrono::steady_clock;

    void run();
    void start_what_fits();
    void start(const QueuedJob& next);
    bool has_disk();
    // False if its process could not be started.
    bool launch(const JobRecord& record);
    void try_later(const QueuedJob& next);
    void put_back(const QueuedJob& next, double seconds);
    bool is_running(const std::string& id) const;
    void hear(RunningJob& job);
    void watch_limits(RunningJob& job);
    void end(RunningJob& job);
    bool has_results(RunningJob& job);
    static std::string unusable_results(const RunningJob& job, JobState state);
    void finish(RunningJob& job, JobState state, const std::string& reason, int iteration = 0);
    void tell_watchers();
    void wake() const;

    const Settings& settings_;
    std::uint64_t memory_bytes_;
    unsigned threads_;
    Store& store_;
    AuditLog& audit_;
    Metrics& metrics_;
    Watchers& watchers_;

    mutable std::mutex mutex_;
    FairQueue queue_;
    // Only the thread adds and removes; others read under the mutex.
    std::map<std::string, std::unique_ptr<RunningJob>> running_;
    // The thread's alone: how often, one time after the other, a process of the job could not be
    // started.
    std::map<std::string, int> starts_;
    Clock::time_point not_before_;
    bool waits_for_disk_ = false;
    std::set<std::string> changed_;
    Clock::time_point told_;
    bool ends_ = false;
    Clock::time_point ends_by_;
    FileDescriptor wakened_;
    std::thread thread_;
};

}  // namespace cipherfit::service
