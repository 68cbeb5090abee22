#include "service/service.h"

#include "cipherfit/io/file.h"
#include "cipherfit/protocol/job_files.h"
#include "service/clock.h"
#include "service/journal.h"
#include "service/outcome.h"
#include "service/pki.h"

#include <algorithm>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

constexpr double month_seconds = 30.0 * 86'400;

// What the machine has less a tenth, for the service itself and the system.
std::uint64_t memory_for_jobs(const Settings& settings) {
    const auto all = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return settings.memory_bytes != 0 ? settings.memory_bytes : all - all / 10;
}

DirectoryLock hold_data(const fs::path& directory) {
    fs::create_directories(directory);
    fs::permissions(directory, fs::perms::owner_all);
    fs::create_directories(directory / "jobs");
    return value_or_throw(DirectoryLock::acquire(directory));
}

std::string new_job_id() {
    std::array<std::uint8_t, 16> bytes{};
    random_bytes(bytes);
    return to_hex(bytes);
}

bool is_label(const std::string& label) {
    return label.size() <= 64 && std::ranges::all_of(label, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == '-';
           });
}

}  // namespace

Service::Service(Settings settings)
    : settings_(std::move(settings)),
      memory_bytes_(memory_for_jobs(settings_)),
      lock_(hold_data(settings_.data)),
      store_(settings_.data / "service.sqlite"),
      audit_(settings_.data / "audit.log"),
      metrics_(settings_.metrics),
      incoming_(settings_.data / "incoming") {
    // A log that ends before what was noted of it was cut while the service was away.
    const auto [sequence, hash] = store_.audit_head();
    require(sequence <= audit_.head().sequence, ErrorCode::corrupt_data,
            "{}: the audit log ends at entry {}, it had {} before: put the log aside and keep it, "
            "if that is known",
            (settings_.data / "audit.log").string(), audit_.head().sequence, sequence);
    recover();
    note("start");
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
        audit_.flush();
        store_.put_audit_head(audit_.head().sequence, audit_.head().hash);
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

// What a sudden end has left half done.
void Service::recover() {
    const auto exists = [this](const std::string& id) { return store_.job(id).has_value(); };
    incoming_.sweep(exists);
    std::vector<fs::path> strange;
    for (const auto& entry : fs::directory_iterator(settings_.data / "jobs")) {
        const std::string id = entry.path().filename().string();
        if (!exists(id)) {
            strange.push_back(entry.path());
            continue;
        }
        // A file that was moved into its place, and not noted yet, is checked again.
        for (const FileRecord& file : store_.files(id)) {
            std::error_code error;
            if (!file.complete && file.bytes > 0 && fs::exists(entry.path() / file.name, error)) {
                const fs::path place = incoming_.path(id, file);
                fs::create_directories(place.parent_path(), error);
                fs::rename(entry.path() / file.name, place, error);
            }
        }
    }
    for (const fs::path& path : strange) {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
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
    } else if (is_final(job.state)) {
        view.expires = job.finished + static_cast<std::int64_t>(settings_.retention_hours * 3600);
    }
    return view;
}

FileView Service::view(const JobRecord& job, const FileRecord& file) const {
    return {file, file.complete ? file.bytes : incoming_.received(job.id, file)};
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
    if (settings_.quota_hours > 0 && usage.seconds > settings_.quota_hours * 3600) {
        refuse(Status::resource_exhausted, "'{}' has used its {} hours of the last 30 days", client,
               settings_.quota_hours);
    }
    const std::uint64_t free = fs::space(settings_.data).available;
    if (cost.disk_bytes + store_.promised_bytes() + settings_.disk_reserve_bytes > free) {
        refuse(Status::resource_exhausted,
               "the job needs {} MB of disk, more than the server has left for it: try later",
               megabytes(cost.disk_bytes));
    }
}

JobView Service::create_job(const std::string& client, const CreateJob& request) {
    if (request.plan.empty() || request.plan.size() > largest_plan_bytes) {
        refuse(Status::invalid_argument, "the plan has {} bytes, it must have 1 to {}",
               request.plan.size(), largest_plan_bytes);
    }
    if (!is_label(request.label)) {
        refuse(Status::invalid_argument, "a label has up to 64 letters, digits, '_', '.' and '-'");
    }
    JobRecord job;
    job.owner = client;
    job.label = request.label;
    job.choices = request.choices;
    job.plan_digest = to_hex(sha256(request.plan));
    const auto same = [&]() -> std::optional<JobView> {
        const auto found = store_.find_job(client, job.plan_digest, job.label);
        if (!found) {
            return {};
        }
        if (found->choices != job.choices) {
            refuse(Status::already_exists,
                   "the job exists with other options: delete it, or give another label");
        }
        return view(*found);
    };
    if (auto found = same()) {
        return *found;
    }
    job.id = new_job_id();
    job.created = unix_now();
    const fs::path place = directory(job.id);
    const std::string name = plan_name(request.plan);
    fs::create_directory(place);
    try {
        value_or_throw(write_file(place / name, request.plan, {.mode = 0600}));
        Outline outline;
        {
            const std::lock_guard lock(outline_mutex_);
            outline = outline_of_plan(place / name, settings_.tests);
        }
        job.kind = outline.kind;
        job.cost = outline.cost;
        admit(client, job.cost);
        outline.files.push_back({name, request.plan.size(), job.plan_digest, true});
        if (!store_.add_job(job, outline.files)) {
            fs::remove_all(place);
            return same().value();  // the same call, a moment ago
        }
    } catch (const Error& error) {
        std::error_code ignored;
        fs::remove_all(place, ignored);
        std::string text = error.what();
        const std::string path = (place / name).string();
        for (auto at = text.find(path); at != std::string::npos; at = text.find(path)) {
            text.replace(at, path.size(), name);
        }
        throw refusal_of({error.code(), text});
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(place, ignored);
        throw;
    }
    audit_.add({.who = client, .what = "create", .job = job.id, .digest = job.plan_digest});
    return view(job);
}

JobView Service::job(const std::string& client, const std::string& id) const {
    return view(visible_job(client, id));
}

std::vector<JobView> Service::jobs(const std::string& client, const std::string& before,
                                   std::uint32_t limit) const {
    if (limit > 1000) {
        refuse(Status::invalid_argument, "at most 1000 jobs are listed at once");
    }
    std::vector<JobView> views;
    for (const JobRecord& job : store_.jobs_of(client, before, limit == 0 ? 100 : limit)) {
        views.push_back(view(job));
    }
    return views;
}

std::vector<FileView> Service::files(const std::string& client, const std::string& id) const {
    const JobRecord job = visible_job(client, id);
    std::vector<FileView> views;
    for (const FileRecord& file : store_.files(id)) {
        views.push_back(view(job, file));
    }
    return views;
}

JobView Service::start(const std::string& client, const std::string& id) {
    JobRecord job = visible_job(client, id);
    if (job.state == JobState::queued || job.state == JobState::running ||
        job.state == JobState::awaiting_review || job.state == JobState::succeeded) {
        return view(job);
    }
    for (const FileRecord& file : store_.files(id)) {
        if (!file.complete && file.max_bytes > 0) {
            refuse(Status::failed_precondition, "{} is missing: upload it first", file.name);
        }
    }
    if (store_.enqueue(
            id, {JobState::uploading, JobState::failed, JobState::cancelled, JobState::stopped})) {
        job = visible_job(client, id);
        audit_.add({.who = client, .what = "start", .job = id});
        scheduler_->add(job);
        watchers_.notify(id);
    }
    return view(visible_job(client, id));
}

JobView Service::answer(const std::string& client, const std::string& id, int iteration,
                        std::span<const std::uint8_t> bytes) {
    const JobRecord job = own_job(client, id);
    if (bytes.empty() || bytes.size() > 4096) {
        refuse(Status::invalid_argument, "the answer has {} bytes, it must have 1 to 4096",
               bytes.size());
    }
    const fs::path place = directory(id) / contents::answer(std::max(iteration, 0));
    require_no_links(directory(id), contents::answer(std::max(iteration, 0)));
    if (job.state != JobState::awaiting_review || job.review_iteration != iteration) {
        const auto there = read_file(place, 4096);
        if (there && std::ranges::equal(*there, bytes)) {
            return view(job);  // the same call again
        }
        refuse(Status::failed_precondition, "the job does not wait for an answer to iteration {}",
               iteration);
    }
    try {
        check_answer(directory(id), iteration, bytes, settings_.tests);
        value_or_throw(write_file(place, bytes, {.mode = 0600}));
    } catch (const Error& error) {
        throw refusal_of(error.info());
    }
    audit_.add({.who = client, .what = "answer", .job = id, .digest = to_hex(sha256(bytes))});
    if (store_.enqueue(id, {JobState::awaiting_review})) {
        scheduler_->add(own_job(client, id));
        watchers_.notify(id);
    }
    return view(own_job(client, id));
}

JobView Service::cancel(const std::string& client, const std::string& id) {
    const JobRecord job = own_job(client, id);
    if (store_.move(id, {JobState::queued, JobState::uploading, JobState::awaiting_review},
                    JobState::cancelled)) {
        scheduler_->remove(job);
        audit_.add({.who = client, .what = "cancel", .job = id});
        watchers_.notify(id);
    } else if (store_.ask_cancel(id)) {
        audit_.add({.who = client, .what = "cancel", .job = id});
        scheduler_->stop(id, false);
    }
    return view(own_job(client, id));
}

void Service::remove(const std::string& client, const std::string& id) {
    remove_job(own_job(client, id), client);
}

void Service::remove_job(const JobRecord& job, const std::string& who) {
    store_.move(job.id, {JobState::queued}, JobState::cancelled);
    scheduler_->remove(job);
    scheduler_->stop(job.id, true);
    scheduler_->wait_for_end(job.id);
    {
        const std::lock_guard lock(place_mutex_);
        store_.remove_job(job.id);
    }
    incoming_.close_all(job.id);
    std::error_code ignored;
    fs::remove_all(directory(job.id), ignored);
    audit_.add({.who = who, .what = "delete", .job = job.id});
    watchers_.notify(job.id);
}

ServerFacts Service::facts(const std::string& client) const {
    return {memory_bytes_,
            store_.usage(client, unix_now() - static_cast<std::int64_t>(month_seconds))};
}

// Retention, and the audit log's end for the next start to compare.
void Service::keep_house() {
    try {
        // The head of what is on the disk for sure: a later one could be lost, and miss at a start.
        const AuditHead head = audit_.head();
        audit_.flush();
        if (head.sequence != store_.audit_head().first) {
            store_.put_audit_head(head.sequence, head.hash);
        }
        const std::int64_t oldest =
            unix_now() - static_cast<std::int64_t>(settings_.retention_hours * 3600);
        for (const JobRecord& job : store_.expired(oldest, oldest)) {
            remove_job(job, "server: retention");
        }
    } catch (const std::exception& error) {
        log_warning("housekeeping", {{"error", error.what()}});
    }
}

}  // namespace cipherfit::service
