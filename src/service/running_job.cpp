#include "service/running_job.h"

#include "service/admission.h"

#include <thread>
#include <utility>

namespace cipherfit::service {
namespace {

constexpr std::uint64_t block_bytes = 4096;
// Deleted files that are open, and such that are written again in place, are seen by this alone.
constexpr std::uint64_t unsuspicious_bytes = std::uint64_t{1} << 20U;

// Its own, and those of libraries that start one or more for each processor.
std::uint64_t most_threads(const Settings& settings) {
    return 256 + std::uint64_t{8} * std::thread::hardware_concurrency() +
           std::uint64_t{2} * settings.threads;
}

}  // namespace

DiskLimit disk_limit_of(std::uint64_t predicted) noexcept {
    constexpr std::uint64_t bytes_of_an_entry = std::uint64_t{4} << 20U;
    DiskLimit limit;
    limit.bytes = 2 * predicted + (std::uint64_t{1} << 30U);
    limit.entries += predicted / bytes_of_an_entry;
    return limit;
}

DiskUse disk_use_of(const std::filesystem::path& directory, const DiskLimit& limit) {
    DiskUse use;
    std::error_code error;
    for (auto entry = std::filesystem::recursive_directory_iterator(directory, error);
         !error && entry != std::filesystem::recursive_directory_iterator() &&
         use.bytes <= limit.bytes && use.entries <= limit.entries && !use.is_deep;
         entry.increment(error)) {
        std::error_code none;
        const auto size = entry->is_regular_file(none) ? entry->file_size(none) : 0;
        use.bytes += block_bytes + (none ? 0 : size);
        ++use.entries;
        use.is_deep = entry.depth() >= limit.depth;
    }
    // What goes while it is looked at is nothing strange, and what this program is short of is not
    // the job's: at that depth it cannot bring it about.
    use.is_hidden = error && error != std::errc::no_such_file_or_directory &&
                    error != std::errc::too_many_files_open &&
                    error != std::errc::too_many_files_open_in_system &&
                    error != std::errc::not_enough_memory;
    return use;
}

std::string disk_overrun(const DiskUse& use, const DiskLimit& limit) {
    if (use.is_hidden) {
        return "it made a directory that cannot be read";
    }
    if (use.is_deep) {
        return fmt::format("it made directories more than {} deep", limit.depth);
    }
    if (use.entries > limit.entries) {
        return fmt::format("it made more files than {}", limit.entries);
    }
    if (use.bytes > limit.bytes) {
        return fmt::format("it took more disk than its plan predicts, the limit is {} MB",
                           limit.bytes >> 20U);
    }
    return {};
}

std::uint64_t memory_limit_of(std::uint64_t predicted) noexcept {
    return predicted + predicted / 4 + (std::uint64_t{512} << 20U);
}

void RunningJob::note(const Progress& told) {
    progress.progress = told;
    if (told.phase != Progress::Phase::train) {
        return;
    }
    progress.iterations = static_cast<int>(told.total);
    if (!training_since) {
        training_since = Clock::now();
        work_at_start = told.work_done;
    }
    const double done = told.work_done - work_at_start;
    if (done > 0) {
        const double spent = std::chrono::duration<double>(Clock::now() - *training_since).count();
        progress.seconds_left = spent * (1 - told.work_done) / done;
    }
}

BrokenLimit broken_limit(RunningJob& job, const Settings& settings) {
    const std::uint64_t most_memory = memory_limit_of(job.record.cost.memory_bytes);
    if (job.process->resident_bytes() > most_memory) {
        return {Overrun::kill,
                fmt::format("it took more memory than its plan predicts, the limit is {} MB",
                            most_memory >> 20U)};
    }
    if (const std::uint64_t most = most_threads(settings); job.process->threads() > most) {
        return {Overrun::kill, fmt::format("it started more threads than {}", most)};
    }
    const DiskLimit limit_of_disk = disk_limit_of(job.record.cost.disk_bytes);
    const DiskUse use = disk_use_of(job.directory, limit_of_disk);
    if (std::string overrun = disk_overrun(use, limit_of_disk); !overrun.empty()) {
        return {Overrun::kill, std::move(overrun)};
    }
    const std::uint64_t written = job.process->written_bytes();
    // The rest is for the database and for the ends of jobs.
    if (free_bytes(settings) >= settings.disk_reserve_bytes / 2) {
        job.disk_bytes = use.bytes;
        job.written_bytes = written;
    } else if (use.bytes > job.disk_bytes || written > job.written_bytes + unsuspicious_bytes) {
        return {Overrun::kill,
                "the server's disk was full: start it again later to go on from its checkpoint"};
    }
    const double limit = settings.job_hours * 3600;
    if (limit > 0 && job.seconds() > limit) {
        return {job.seconds() > limit + settings.grace_seconds ? Overrun::kill : Overrun::ask,
                fmt::format("it ran past the server's limit of {} hours: start it again to go on "
                            "from its checkpoint, or ask for a smaller plan",
                            settings.job_hours)};
    }
    return {};
}

}  // namespace cipherfit::service
