// Whether there is room: for a job's plan, for its start, for the bytes of an upload.
#include "service/admission.h"

#include "service/clock.h"
#include "service/service.h"

#include <algorithm>

namespace cipherfit::service {
namespace {

constexpr double month_seconds = 30.0 * 86'400;

constexpr std::uint64_t bytes_between_looks = std::uint64_t{64} << 20U;

}  // namespace

std::uint64_t free_bytes(const Settings& settings) {
    return settings.free_bytes ? settings.free_bytes()
                               : std::filesystem::space(settings.data).available;
}

bool has_hours(const Settings& settings, const Store& store, const std::string& client) {
    return settings.quota_hours <= 0 ||
           store.usage(client, unix_now() - static_cast<std::int64_t>(month_seconds)).seconds <=
               settings.quota_hours * 3600;
}

std::string hours_are_used(const Settings& settings, const std::string& client) {
    return fmt::format("'{}' has used its {} hours of the last 30 days: start the job again later",
                       client, settings.quota_hours);
}

void Service::require_hours(const std::string& client) const {
    if (!has_hours(settings_, store_, client)) {
        throw Refusal(Status::resource_exhausted, hours_are_used(settings_, client));
    }
}

void Service::admit(const std::string& client, const JobCost& cost) const {
    const auto megabytes = [](std::uint64_t bytes) { return bytes >> 20U; };
    if (cost.memory_bytes > memory_bytes_) {
        refuse(Status::resource_exhausted,
               "the plan needs {} MB of memory, this server admits {} MB: ask for a smaller plan",
               megabytes(cost.memory_bytes), megabytes(memory_bytes_));
    }
    if (settings_.most_work > 0 && cost.work > settings_.most_work) {
        refuse(Status::resource_exhausted,
               "the plan needs {:.3g} units of work, this server admits {:.3g}: ask for a smaller "
               "plan",
               cost.work, settings_.most_work);
    }
    const Usage usage = store_.usage(client, unix_now() - static_cast<std::int64_t>(month_seconds));
    if (settings_.quota_jobs != 0 && usage.jobs >= settings_.quota_jobs) {
        refuse(Status::resource_exhausted, "'{}' has {} jobs, which is its quota: delete some",
               client, usage.jobs);
    }
    if (settings_.quota_bytes != 0 && usage.bytes + cost.disk_bytes > settings_.quota_bytes) {
        refuse(Status::resource_exhausted,
               "'{}' uses {} MB, its quota is {} MB, and the job needs {} MB: delete some", client,
               megabytes(usage.bytes), megabytes(settings_.quota_bytes),
               megabytes(cost.disk_bytes));
    }
    require_hours(client);
    const std::uint64_t free = free_bytes(settings_);
    if (cost.disk_bytes + store_.promised_bytes() + settings_.disk_reserve_bytes > free) {
        refuse(Status::resource_exhausted,
               "the job needs {} MB of disk, more than the server has left for it: try later",
               megabytes(cost.disk_bytes));
    }
}

// A job that is not over counts as if it had all that it is predicted to take. A charter is over
// when it has succeeded: one that was started too early goes on.
void Service::require_quota(const JobRecord& job, std::uint64_t bytes) const {
    if (settings_.quota_bytes == 0) {
        return;
    }
    std::uint64_t has = 0;
    for (const FileRecord& file : store_.files(job.id)) {
        has += is_part(file.name) ? 0 : file.bytes;
    }
    const bool is_over =
        job.kind == JobKind::charter ? job.state == JobState::succeeded : is_final(job.state);
    const std::uint64_t counted = is_over ? has : std::max(has, job.cost.disk_bytes);
    const std::uint64_t wanted = std::max(has + bytes, job.cost.disk_bytes);
    if (wanted <= counted) {
        return;
    }
    const std::uint64_t used = store_.usage(job.owner, 0).bytes;
    if (used - std::min(used, counted) + wanted > settings_.quota_bytes) {
        refuse(Status::resource_exhausted, "the job needs {} bytes, more than '{}' has left",
               wanted, job.owner);
    }
}

// What all uploads have announced and not sent yet counts as if it were there.
void Service::require_room(const std::string& id, const std::string& name,
                           std::uint64_t bytes) const {
    std::uint64_t to_come = bytes;
    for (const auto& [job, file] : store_.open_uploads()) {
        if (job != id || file.name != name) {
            to_come += file.bytes - std::min(file.bytes, incoming_.received(job, file));
        }
    }
    if (to_come + settings_.disk_reserve_bytes > free_bytes(settings_)) {
        refuse(Status::resource_exhausted, "{}: the server's disk is full: try later", name);
    }
}

// Others than uploads fill the disk too: a look now and then, not at each chunk.
void Service::require_reserve(const std::string& name, std::uint64_t from,
                              std::uint64_t bytes) const {
    const bool looks =
        from == 0 || from / bytes_between_looks != (from + bytes) / bytes_between_looks;
    if (looks && free_bytes(settings_) < settings_.disk_reserve_bytes + bytes) {
        refuse(Status::resource_exhausted,
               "{}: the server's disk is full: what came is kept, go on later", name);
    }
}

ServerFacts Service::facts(const std::string& client) const {
    return {memory_bytes_,
            store_.usage(client, unix_now() - static_cast<std::int64_t>(month_seconds))};
}

}  // namespace cipherfit::service
