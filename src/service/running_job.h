// A job while it runs: its process, its progress, and the limits that end it.
#pragma once

#include "service/job_process.h"
#include "service/records.h"
#include "service/settings.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace cipherfit::service {

struct RunningJob {
    using Clock = std::chrono::steady_clock;

    JobRecord record;
    std::filesystem::path directory;
    std::unique_ptr<JobProcess> process;
    Clock::time_point started = Clock::now();
    Clock::time_point looked;
    std::uint64_t disk_bytes = 0;  // when it was looked at
    std::optional<Clock::time_point> training_since;
    double work_at_start = 0;
    JobProgress progress;
    std::string killed_for;  // why this program has killed it
    bool told_to_stop = false;
    bool is_deleted = false;
    bool is_counted = false;  // in its client's hours
    bool is_noted = false;    // in the audit log
    std::optional<double> ran_seconds;
    Clock::time_point end_again;  // when its end is kept, after a failure

    double seconds() const { return std::chrono::duration<double>(Clock::now() - started).count(); }
    void note(const Progress& told);
};

// What a job may take beyond its prediction before it is ended.
std::uint64_t memory_limit_of(std::uint64_t predicted) noexcept;

enum class Overrun { none, ask, kill };  // ask: to end after its iteration
struct BrokenLimit {
    Overrun overrun = Overrun::none;
    std::string reason;
};
// Looks at its memory, its disk and its time.
BrokenLimit broken_limit(RunningJob& job, const Settings& settings);

}  // namespace cipherfit::service
