#include "service/store.h"

#include "cipherfit/base/error.h"

#include <ctime>

namespace cipherfit::service {
namespace {

#define CIPHERFIT_JOB_COLUMNS                                                                \
    "SELECT id, owner, label, kind, state, plan_digest, keep_every, checkpoint_every, "      \
    "review_every, memory_bytes, disk_bytes, work, reason, review_iteration, cancel_asked, " \
    "created, queued, started, finished, place FROM jobs "

// Retention's rule: over, or waiting for its owner; of charters those that have succeeded.
#define CIPHERFIT_IS_EXPIRED \
    "changed < ?1 AND (state = 5 OR (kind != 3 AND (state > 5 OR state IN (1, 4))))"

JobRecord job_of(const Statement& row) {
    JobRecord job;
    job.id = row.text(0);
    job.owner = row.text(1);
    job.label = row.text(2);
    job.kind = static_cast<JobKind>(row.integer(3));
    job.state = static_cast<JobState>(row.integer(4));
    job.plan_digest = row.text(5);
    job.choices = {static_cast<int>(row.integer(6)), static_cast<int>(row.integer(7)),
                   static_cast<int>(row.integer(8))};
    job.cost = {static_cast<std::uint64_t>(row.integer(9)),
                static_cast<std::uint64_t>(row.integer(10)), row.real(11)};
    job.reason = row.text(12);
    job.review_iteration = static_cast<int>(row.integer(13));
    job.cancel_asked = row.integer(14) != 0;
    job.created = row.integer(15);
    job.queued = row.integer(16);
    job.started = row.integer(17);
    job.finished = row.integer(18);
    job.place = row.integer(19);
    return job;
}

std::vector<JobRecord> jobs_from(Statement& rows) {
    std::vector<JobRecord> jobs;
    while (rows.step()) {
        jobs.push_back(job_of(rows));
    }
    return jobs;
}

bool is_among(JobState state, std::initializer_list<JobState> states) {
    for (const JobState one : states) {
        if (one == state) {
            return true;
        }
    }
    return false;
}

std::int64_t state_number(JobState state) {
    return static_cast<std::int64_t>(state);
}

std::optional<JobState> state_in(Database& database, const std::string& id) {
    Statement row = database.prepare("SELECT state FROM jobs WHERE id = ?");
    row << id;
    return row.step() ? std::optional(static_cast<JobState>(row.integer(0))) : std::nullopt;
}

}  // namespace

std::string_view name(JobState state) noexcept {
    switch (state) {
        case JobState::uploading:
            return "uploading";
        case JobState::queued:
            return "queued";
        case JobState::running:
            return "running";
        case JobState::awaiting_review:
            return "awaiting_review";
        case JobState::succeeded:
            return "succeeded";
        case JobState::stopped:
            return "stopped";
        case JobState::failed:
            return "failed";
        case JobState::cancelled:
            return "cancelled";
    }
    return "unknown";
}

std::string_view name(JobKind kind) noexcept {
    switch (kind) {
        case JobKind::training:
            return "training";
        case JobKind::prediction:
            return "prediction";
        case JobKind::charter:
            return "charter";
    }
    return "unknown";
}

bool Store::add_job(const JobRecord& job, const std::vector<FileRecord>& files,
                    const std::vector<std::string>& members) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    Statement insert = write_.prepare(
        "INSERT OR IGNORE INTO jobs (id, owner, label, kind, state, plan_digest, keep_every, "
        "checkpoint_every, review_every, memory_bytes, disk_bytes, work, created, changed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert << job.id << job.owner << job.label << static_cast<std::int64_t>(job.kind)
           << state_number(job.state) << job.plan_digest << std::int64_t{job.choices.keep_every}
           << std::int64_t{job.choices.checkpoint_every} << std::int64_t{job.choices.review_every}
           << signed_bytes(job.cost.memory_bytes) << signed_bytes(job.cost.disk_bytes)
           << job.cost.work << job.created << job.created;
    insert.run();
    if (write_.changes() == 0) {
        return false;
    }
    for (const FileRecord& file : files) {
        Statement row = write_.prepare(
            "INSERT INTO files (job, name, bytes, sha256, complete, max_bytes) "
            "VALUES (?, ?, ?, ?, ?, ?)");
        row << job.id << file.name << signed_bytes(file.bytes) << file.sha256
            << std::int64_t{file.complete} << signed_bytes(file.max_bytes);
        row.run();
    }
    for (const std::string& member : members) {
        Statement row =
            write_.prepare("INSERT OR IGNORE INTO members (job, identity) VALUES (?, ?)");
        row << job.id << member;
        row.run();
    }
    transaction.commit();
    return true;
}

std::optional<JobRecord> Store::job(const std::string& id) const {
    const std::lock_guard lock(read_mutex_);
    Statement row = read_.prepare(CIPHERFIT_JOB_COLUMNS "WHERE id = ?");
    row << id;
    return row.step() ? std::optional(job_of(row)) : std::nullopt;
}

std::optional<JobRecord> Store::find_job(const std::string& owner, const std::string& plan_digest,
                                         const std::string& label) const {
    const std::lock_guard lock(read_mutex_);
    Statement row =
        read_.prepare(CIPHERFIT_JOB_COLUMNS "WHERE owner = ? AND plan_digest = ? AND label = ?");
    row << owner << plan_digest << label;
    return row.step() ? std::optional(job_of(row)) : std::nullopt;
}

std::vector<JobRecord> Store::jobs_of(const std::string& owner, const std::string& before,
                                      std::uint32_t limit) const {
    const std::lock_guard lock(read_mutex_);
    Statement rows = read_.prepare(CIPHERFIT_JOB_COLUMNS
                                   "WHERE owner = ?1 AND (?2 = '' OR rowid < (SELECT rowid FROM "
                                   "jobs WHERE id = ?2 AND owner = ?1)) "
                                   "ORDER BY rowid DESC LIMIT ?3");
    rows << owner << before << std::int64_t{limit};
    return jobs_from(rows);
}

std::vector<JobRecord> Store::jobs_in(std::initializer_list<JobState> states) const {
    const std::lock_guard lock(read_mutex_);
    std::vector<JobRecord> jobs;
    for (const JobState state : states) {
        Statement rows = read_.prepare(CIPHERFIT_JOB_COLUMNS "WHERE state = ? ORDER BY place");
        rows << state_number(state);
        for (JobRecord& job : jobs_from(rows)) {
            jobs.push_back(std::move(job));
        }
    }
    return jobs;
}

std::uint32_t Store::count(JobState state) const {
    const std::lock_guard lock(read_mutex_);
    Statement row = read_.prepare("SELECT count(*) FROM jobs WHERE state = ?");
    row << state_number(state);
    row.step();
    return static_cast<std::uint32_t>(row.integer(0));
}

bool Store::remove_job(const std::string& id, const std::optional<std::int64_t>& unchanged_since,
                       const std::function<void()>& take_away) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    Statement row =
        write_.prepare("DELETE FROM jobs WHERE id = ?2 AND (?3 OR (" CIPHERFIT_IS_EXPIRED "))");
    row << unchanged_since.value_or(0) << id << std::int64_t{!unchanged_since};
    row.run();
    if (write_.changes() == 0) {
        return false;
    }
    take_away();
    transaction.commit();
    return true;
}

std::vector<JobRecord> Store::expired(std::int64_t changed) const {
    const std::lock_guard lock(read_mutex_);
    Statement rows = read_.prepare(CIPHERFIT_JOB_COLUMNS "WHERE " CIPHERFIT_IS_EXPIRED);
    rows << changed;
    return jobs_from(rows);
}

void Store::touch(const std::string& id) {
    const std::lock_guard lock(write_mutex_);
    Statement row = write_.prepare("UPDATE jobs SET changed = ?2 WHERE id = ?1");
    row << id << std::int64_t{std::time(nullptr)};
    row.run();
}

bool Store::is_member(const std::string& id, const std::string& identity) const {
    const std::lock_guard lock(read_mutex_);
    Statement row = read_.prepare("SELECT 1 FROM members WHERE job = ? AND identity = ?");
    row << id << identity;
    return row.step();
}

bool Store::move(const std::string& id, std::initializer_list<JobState> from, JobState to,
                 const std::string& reason, int review_iteration) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    const auto state = state_in(write_, id);
    if (!state || !is_among(*state, from)) {
        return false;
    }
    const std::int64_t now = std::time(nullptr);
    Statement row = write_.prepare(
        "UPDATE jobs SET state = ?2, reason = ?3, review_iteration = ?4, "
        "started = CASE WHEN ?5 != 0 AND started = 0 THEN ?5 ELSE started END, "
        "finished = ?6, changed = ?7, cancel_asked = CASE WHEN ?2 = 3 THEN cancel_asked ELSE 0 END "
        "WHERE id = ?1");
    row << id << state_number(to) << reason << std::int64_t{review_iteration}
        << (to == JobState::running ? now : 0) << (is_final(to) ? now : 0) << now;
    row.run();
    transaction.commit();
    return true;
}

bool Store::enqueue(const std::string& id, std::initializer_list<JobState> from) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    const auto state = state_in(write_, id);
    if (!state || !is_among(*state, from)) {
        return false;
    }
    Statement row = write_.prepare(
        "UPDATE jobs SET state = 2, reason = '', review_iteration = 0, finished = 0, "
        "cancel_asked = 0, queued = ?2, changed = ?2, place = (SELECT max(place) + 1 FROM jobs) "
        "WHERE id = ?1");
    row << id << std::int64_t{std::time(nullptr)};
    row.run();
    transaction.commit();
    return true;
}

void Store::requeue_running() {
    const std::lock_guard lock(write_mutex_);
    // A job that was asked to end before the service ended is not started again.
    Statement cancelled = write_.prepare(
        "UPDATE jobs SET state = 8, finished = ?1, changed = ?1, cancel_asked = 0 WHERE state = 3 "
        "AND cancel_asked = 1");
    cancelled << std::int64_t{std::time(nullptr)};
    cancelled.run();
    write_.execute("UPDATE jobs SET state = 2 WHERE state = 3");
}

bool Store::ask_cancel(const std::string& id) {
    const std::lock_guard lock(write_mutex_);
    Statement row = write_.prepare("UPDATE jobs SET cancel_asked = 1 WHERE id = ? AND state = 3");
    row << id;
    row.run();
    return write_.changes() > 0;
}

}  // namespace cipherfit::service
