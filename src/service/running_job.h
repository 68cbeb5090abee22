// A job while it runs: its process, its progress, and the limits that end it.
#pragma once

#include "service/job_process.h"
#include "service/records.h"
#include "service/settings.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace cipherfit::service {

// What a job has made, its result first, or why none of it is kept.
struct MadeFiles {
    std::vector<FileRecord> files;
    std::string overrun;
};

struct RunningJob {
    using Clock = std::chrono::steady_clock;

    JobRecord record;
    std::filesystem::path directory;
    std::unique_ptr<JobProcess> process;
    Clock::time_point started = Clock::now();
    Clock::time_point looked;
    // What it had on the disk, and had written, when the disk was last seen not to be full.
    std::uint64_t disk_bytes = 0, written_bytes = 0;
    std::filesystem::file_time_type launched;
    std::stop_source end_of_looking;  // before what looks
    std::future<MadeFiles> looking;   // at what it has made
    std::optional<MadeFiles> made;    // that
    std::optional<Clock::time_point> training_since;
    double work_at_start = 0;
    JobProgress progress;
    std::string killed_for;  // why this program has killed it
    bool told_to_stop = false;
    std::atomic<bool> is_deleted = false;
    bool is_counted = false;  // in its client's hours
    bool is_noted = false;    // in the audit log
    std::optional<double> ran_seconds;
    Clock::time_point end_again;  // when its end is kept, after a failure

    double seconds() const { return std::chrono::duration<double>(Clock::now() - started).count(); }
    void note(const Progress& told);
};

// What a job may have on the disk. Its files lie one or two directories deep.
struct DiskLimit {
    std::uint64_t bytes = ~std::uint64_t{0};
    std::uint64_t entries = 20'000;
    int depth = 8;
};
DiskLimit disk_limit_of(std::uint64_t predicted) noexcept;

// What a directory takes of the disk; each entry counts as a block of it. The look ends at the
// first limit that is exceeded: it takes a bounded time, and few descriptors.
struct DiskUse {
    std::uint64_t bytes = 0, entries = 0;
    bool is_deep = false;
    bool is_hidden = false;  // a part of it cannot be read
};
DiskUse disk_use_of(const std::filesystem::path& directory, const DiskLimit& limit = {});
// What is wrong with it; empty: nothing.
std::string disk_overrun(const DiskUse& use, const DiskLimit& limit);

// What a job may take beyond its prediction before it is ended.
std::uint64_t memory_limit_of(std::uint64_t predicted) noexcept;

enum class Overrun { none, ask, kill };  // ask: to end after its iteration
struct BrokenLimit {
    Overrun overrun = Overrun::none;
    std::string reason;
};
// Looks at its memory, its threads, its disk and its time.
BrokenLimit broken_limit(RunningJob& job, const Settings& settings);

}  // namespace cipherfit::service
