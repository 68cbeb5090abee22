#include "service/running_job.h"

#include "service/admission.h"

#include <thread>

namespace cipherfit::service {
namespace {

constexpr std::uint64_t block_bytes = 4096;
// Deleted files that are open, and such that are written again in place, are seen by this alone.
constexpr std::uint64_t unsuspicious_bytes = std::uint64_t{1} << 20U;

std::uint64_t disk_limit_of(std::uint64_t predicted) {
    return 2 * predicted + (std::uint64_t{1} << 30U);
}

// Of libraries that start one or more for each processor.
std::uint64_t most_threads() {
    return 256 + std::uint64_t{8} * std::thread::hardware_concurrency();
}

}  // namespace

DiskUse disk_use_of(const std::filesystem::path& directory, std::uint64_t most) {
    DiskUse use;
    std::error_code error;
    for (auto entry = std::filesystem::recursive_directory_iterator(directory, error);
         !error && entry != std::filesystem::recursive_directory_iterator() && use.bytes <= most;
         entry.increment(error)) {
        std::error_code none;
        const auto size = entry->is_regular_file(none) ? entry->file_size(none) : 0;
        use.bytes += block_bytes + (none ? 0 : size);
    }
    use.is_hidden = error == std::errc::permission_denied;
    return use;
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
    if (const std::uint64_t most = most_threads(); job.process->threads() > most) {
        return {Overrun::kill, fmt::format("it started more threads than {}", most)};
    }
    const std::uint64_t most_disk = disk_limit_of(job.record.cost.disk_bytes);
    const DiskUse use = disk_use_of(job.directory, most_disk);
    if (use.is_hidden) {
        return {Overrun::kill, "it made a directory that cannot be read"};
    }
    if (use.bytes > most_disk) {
        return {Overrun::kill,
                fmt::format("it took more disk than its plan predicts, the limit is {} MB",
                            most_disk >> 20U)};
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
