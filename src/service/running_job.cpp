#include "service/running_job.h"

#include "service/admission.h"

namespace cipherfit::service {
namespace {

std::uint64_t bytes_in(const std::filesystem::path& directory) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (auto entry = std::filesystem::recursive_directory_iterator(directory, error);
         !error && entry != std::filesystem::recursive_directory_iterator();
         entry.increment(error)) {
        std::error_code none;
        const auto size = entry->file_size(none);
        bytes += none ? 0 : size;
    }
    return bytes;
}

std::uint64_t disk_limit_of(std::uint64_t predicted) {
    return 2 * predicted + (std::uint64_t{1} << 30U);
}

}  // namespace

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
    const std::uint64_t most_disk = disk_limit_of(job.record.cost.disk_bytes);
    const std::uint64_t disk = bytes_in(job.directory);
    const bool writes = disk > job.disk_bytes;
    job.disk_bytes = disk;
    if (disk > most_disk) {
        return {Overrun::kill,
                fmt::format("it took more disk than its plan predicts, the limit is {} MB",
                            most_disk >> 20U)};
    }
    // The rest is for the database and for the ends of jobs.
    if (writes && free_bytes(settings) < settings.disk_reserve_bytes / 2) {
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
