// The calls of a job's life: made, started, answered, cancelled, removed.
#include "cipherfit/io/file.h"
#include "cipherfit/protocol/job_files.h"
#include "service/clock.h"
#include "service/outcome.h"
#include "service/service.h"

#include <algorithm>
#include <array>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

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
            outline = outline_of_plan(place / name, job.choices, settings_.tests);
        }
        job.kind = outline.kind;
        job.cost = outline.cost;
        outline.files.push_back({name, request.plan.size(), job.plan_digest, true});
        flush_directory(place.parent_path());
        const std::lock_guard lock(admission_mutex_);
        if (auto found = same()) {  // the same call, a moment ago
            fs::remove_all(place);
            return *found;
        }
        admit(client, job.cost);
        audited({.who = client, .what = "create", .job = job.id, .digest = job.plan_digest},
                [&] { return store_.add_job(job, outline.files); });
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
    return views_of(visible_job(client, id), client);
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
    const auto enqueue = [&] {
        const std::lock_guard lock(admission_mutex_);
        require_hours(job.owner);
        require_quota(job, 0);
        return audited({.who = client, .what = "start", .job = id}, [&] {
            return store_.enqueue(id, {JobState::uploading, JobState::failed, JobState::cancelled,
                                       JobState::stopped});
        });
    };
    if (enqueue()) {
        job = visible_job(client, id);
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
    } catch (const Error& error) {
        throw refusal_of(error.info());
    }
    const std::string digest = to_hex(sha256(bytes));
    if (audited({.who = client, .what = "answer", .job = id, .digest = digest}, [&] {
            value_or_throw(write_file(place, bytes, {.mode = 0600}));
            return store_.enqueue(id, {JobState::awaiting_review});
        })) {
        scheduler_->add(own_job(client, id));
        watchers_.notify(id);
    }
    return view(own_job(client, id));
}

JobView Service::cancel(const std::string& client, const std::string& id) {
    const JobRecord job = own_job(client, id);
    if (is_final(job.state)) {
        return view(job);
    }
    audited({.who = client, .what = "cancel", .job = id}, [&] {
        // Out of the queue first: once it is cancelled it may be started, and queued, again.
        const bool was_queued = scheduler_->remove(job);
        // One that waits as "running", for a record that could not be written, is ended when it is
        // its turn.
        const auto put_back = [&] {
            if (was_queued) {
                scheduler_->add(job);
            }
        };
        try {
            if (store_.move(id, {JobState::queued, JobState::uploading, JobState::awaiting_review},
                            JobState::cancelled)) {
                watchers_.notify(id);
                return true;
            }
        } catch (...) {
            put_back();
            throw;
        }
        put_back();
        if (store_.ask_cancel(id)) {
            scheduler_->stop(id, false);
            return true;
        }
        return false;
    });
    return view(own_job(client, id));
}

void Service::remove(const std::string& client, const std::string& id) {
    remove_job(own_job(client, id), client);
}

}  // namespace cipherfit::service
