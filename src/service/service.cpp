#include "service/service.h"

#include "cipherfit/io/file.h"
#include "service/admission.h"
#include "service/clock.h"
#include "service/journal.h"
#include "service/outcome.h"

#include <algorithm>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

// What the machine has less a tenth, for the service itself and the system.
std::uint64_t memory_for_jobs(const Settings& settings) {
    const auto all = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return settings.memory_bytes != 0 ? settings.memory_bytes : all - all / 10;
}

// The database proves that a directory is a service's. Without it there may be what a start makes
// before it, and nothing in that: neither the files of others nor jobs whose database is lost.
bool is_free_or_ours(const fs::path& directory) {
    if (fs::exists(directory / "service.sqlite")) {
        return true;
    }
    return std::ranges::all_of(fs::directory_iterator(directory), [](const auto& entry) {
        const fs::path name = entry.path().filename();
        return name == "lost+found" || name == ".lock" ||
               ((name == "jobs" || name == "incoming" || name == "removed") &&
                entry.is_directory() && fs::is_empty(entry.path()));
    });
}

DirectoryLock hold_data(const fs::path& directory) {
    fs::create_directories(directory);
    require(is_free_or_ours(directory), ErrorCode::bad_input,
            "{}: is not empty and has no service.sqlite, so it is no data directory of a service: "
            "name another one, or put the database back",
            directory.string());
    fs::permissions(directory, fs::perms::owner_all);
    fs::create_directories(directory / "jobs");
    fs::create_directories(directory / "removed");
    return value_or_throw(DirectoryLock::acquire(directory));
}

// A log that ends before what was noted of it was cut while the service was away, and one that has
// another hash there was made anew.
void require_same_log(const AuditLog& log, const fs::path& file, const AuditHead& known) {
    const AuditHead head = log.head();
    require(known.sequence <= head.sequence, ErrorCode::corrupt_data,
            "{}: the audit log ends at entry {}, it had {} before: put the log aside and keep it, "
            "if that is known",
            file.string(), head.sequence, known.sequence);
    if (known.sequence == 0 || known == head) {
        return;
    }
    const auto verified = verify_audit_log(file, known);
    require(verified.has_value(), ErrorCode::corrupt_data,
            "{}: put the log aside and keep it, if that is known",
            verified ? std::string() : verified.error().message);
}

}  // namespace

Service::Service(Settings settings)
    : settings_(std::move(settings)),
      memory_bytes_(memory_for_jobs(settings_)),
      lock_(hold_data(settings_.data)),
      ballast_(settings_.data / "ballast", free_bytes(settings_)),
      store_(settings_.data / "service.sqlite"),
      audit_(settings_.data / "audit.log"),
      metrics_(settings_.metrics),
      incoming_(settings_.data / "incoming") {
    const auto [sequence, hash] = store_.audit_head();
    require_same_log(audit_, settings_.data / "audit.log", {sequence, hash});
    recover();
    note("start");
    for (const char* part :
         {"network namespace", "capabilities", "landlock", "landlock truncate", "seccomp"}) {
        metrics_.show_confinement(part, std::ranges::count(settings_.lacking, part) > 0);
    }
    if (settings_.lacking.empty()) {
        log_info("jobs_confined", nlohmann::json::object());
    } else {
        log_warning("confinement_lacking", {{"parts", settings_.lacking}});
    }
    scheduler_ =
        std::make_unique<Scheduler>(settings_, memory_bytes_, store_, audit_, metrics_, watchers_);
    housekeeping_ = std::jthread([this](const std::stop_token& stop) {
        for (int ticks = 0; !stop.stop_requested(); ++ticks) {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            if (ticks % 10 == 0) {
                keep_house();
            }
        }
    });
}

Service::~Service() {
    shutdown();
}

void Service::shutdown() {
    if (ending_.exchange(true)) {
        return;
    }
    watchers_.notify_all();
    scheduler_->shutdown();
    housekeeping_.request_stop();
    housekeeping_.join();
    note("end");
    try {
        // One copy: refused callers may still add entries, which are not on the disk for sure.
        const AuditHead head = audit_.head();
        audit_.flush();
        store_.put_audit_head(head.sequence, head.hash);
    } catch (const std::exception& error) {
        log_warning("audit", {{"error", error.what()}});
    }
}

// A full disk keeps the service neither from its start, where jobs can be deleted, nor its end.
void Service::note(std::string_view what) {
    try {
        audit_.add({.who = "server", .what = what});
    } catch (const std::exception& error) {
        log_warning("audit", {{"error", error.what()}});
    }
}

bool Service::audited(const AuditEntry& entry, const std::function<bool()>& act) {
    audit_.add(entry);
    bool is_done = false;
    const auto take_back = [&] {
        try {
            audit_.add({.who = "server",
                        .what = "not done",
                        .job = entry.job,
                        .detail = fmt::format("{} of {}", entry.what, entry.who)});
        } catch (const std::exception& error) {
            log_warning("audit", {{"error", error.what()}});
        }
    };
    try {
        audit_.flush();
        is_done = act();
    } catch (...) {
        take_back();
        throw;
    }
    if (!is_done) {
        take_back();
    }
    return is_done;
}

fs::path Service::directory(const std::string& id) const {
    return settings_.data / "jobs" / id;
}

JobRecord Service::own_job(const std::string& client, const std::string& id) const {
    auto job = store_.job(id);
    if (!job || job->owner != client) {
        refuse(Status::not_found, "there is no such job of '{}'", client);
    }
    return std::move(*job);
}

JobRecord Service::visible_job(const std::string& client, const std::string& id) const {
    auto job = store_.job(id);
    if (!job || (job->owner != client &&
                 !(job->kind == JobKind::charter && store_.is_member(id, client)))) {
        refuse(Status::not_found, "there is no such job or charter of '{}'", client);
    }
    return std::move(*job);
}

JobView Service::view(const JobRecord& job) const {
    JobView view{.record = job};
    if (job.state == JobState::queued) {
        view.queue_position = static_cast<std::uint32_t>(scheduler_->position(job).value_or(0));
    } else if (job.state == JobState::running) {
        view.progress = scheduler_->progress(job.id);
    } else if (is_final(job.state) && settings_.retention_hours > 0 &&
               (job.kind != JobKind::charter || job.state == JobState::succeeded)) {
        view.expires = job.finished + static_cast<std::int64_t>(settings_.retention_hours * 3600);
    }
    return view;
}

FileView Service::view(const JobRecord& job, const FileRecord& file) const {
    return {file, file.complete ? file.bytes : incoming_.received(job.id, file)};
}

}  // namespace cipherfit::service
