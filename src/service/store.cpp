#include "service/store.h"

#include "cipherfit/base/error.h"

#include <ctime>

namespace cipherfit::service {
namespace {

// One string a version: what leads from the version before to it. Add, never change.
constexpr const char* migrations[] = {R"sql(
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    label TEXT NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    plan_digest TEXT NOT NULL,
    keep_every INTEGER NOT NULL,
    checkpoint_every INTEGER NOT NULL,
    review_every INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    disk_bytes INTEGER NOT NULL,
    work REAL NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    review_iteration INTEGER NOT NULL DEFAULT 0,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    queued INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    place INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX jobs_of_plan ON jobs(owner, plan_digest, label);
CREATE INDEX jobs_by_state ON jobs(state, place);
CREATE TABLE files (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    complete INTEGER NOT NULL,
    max_bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, name)
) WITHOUT ROWID;
CREATE TABLE members (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    PRIMARY KEY (job, identity)
) WITHOUT ROWID;
CREATE TABLE usage (owner TEXT NOT NULL, at INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE INDEX usage_of ON usage(owner, at);
CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER, hash TEXT);
)sql"};
static_assert(std::size(migrations) == schema_version);

#define CIPHERFIT_JOB_COLUMNS                                                                \
    "SELECT id, owner, label, kind, state, plan_digest, keep_every, checkpoint_every, "      \
    "review_every, memory_bytes, disk_bytes, work, reason, review_iteration, cancel_asked, " \
    "created, queued, started, finished, place FROM jobs "

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

FileRecord file_of(const Statement& row) {
    return {row.text(0), static_cast<std::uint64_t>(row.integer(1)), row.text(2),
            row.integer(3) != 0, static_cast<std::uint64_t>(row.integer(4))};
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

std::int64_t signed_bytes(std::uint64_t bytes) {
    return static_cast<std::int64_t>(bytes);
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

Store::Store(const std::filesystem::path& file) : write_(file), read_(file) {
    migrate();
}

void Store::migrate() {
    const std::lock_guard lock(write_mutex_);
    std::int64_t version = 0;
    {
        Statement row = write_.prepare("PRAGMA user_version");
        row.step();
        version = row.integer(0);
    }
    require(version <= schema_version, ErrorCode::unsupported_version,
            "the service's database is of version {}, this program knows up to {}: use the newer "
            "program",
            version, schema_version);
    for (; version < schema_version; ++version) {
        Transaction transaction(write_);
        write_.execute(migrations[version]);
        write_.execute(fmt::format("PRAGMA user_version = {}", version + 1).c_str());
        transaction.commit();
    }
}

bool Store::add_job(const JobRecord& job, const std::vector<FileRecord>& files,
                    const std::vector<std::string>& members) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    Statement insert = write_.prepare(
        "INSERT OR IGNORE INTO jobs (id, owner, label, kind, state, plan_digest, keep_every, "
        "checkpoint_every, review_every, memory_bytes, disk_bytes, work, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert << job.id << job.owner << job.label << static_cast<std::int64_t>(job.kind)
           << state_number(job.state) << job.plan_digest << std::int64_t{job.choices.keep_every}
           << std::int64_t{job.choices.checkpoint_every} << std::int64_t{job.choices.review_every}
           << signed_bytes(job.cost.memory_bytes) << signed_bytes(job.cost.disk_bytes)
           << job.cost.work << job.created;
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

void Store::remove_job(const std::string& id) {
    const std::lock_guard lock(write_mutex_);
    Statement row = write_.prepare("DELETE FROM jobs WHERE id = ?");
    row << id;
    row.run();
}

std::vector<JobRecord> Store::expired(std::int64_t finished, std::int64_t created) const {
    const std::lock_guard lock(read_mutex_);
    Statement rows = read_.prepare(CIPHERFIT_JOB_COLUMNS
                                   "WHERE (state >= 5 AND finished < ?) OR (state IN (1, 4) AND "
                                   "created < ? AND kind != 3)");
    rows << finished << created;
    return jobs_from(rows);
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
        "finished = ?6, cancel_asked = CASE WHEN ?2 = 3 THEN cancel_asked ELSE 0 END WHERE id = "
        "?1");
    row << id << state_number(to) << reason << std::int64_t{review_iteration}
        << (to == JobState::running ? now : 0) << (is_final(to) ? now : 0);
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
        "cancel_asked = 0, queued = ?2, place = (SELECT max(place) + 1 FROM jobs) WHERE id = ?1");
    row << id << std::int64_t{std::time(nullptr)};
    row.run();
    transaction.commit();
    return true;
}

void Store::requeue_running() {
    const std::lock_guard lock(write_mutex_);
    // A job that was asked to end before the service ended is not started again.
    Statement cancelled = write_.prepare(
        "UPDATE jobs SET state = 8, finished = ?, cancel_asked = 0 WHERE state = 3 AND "
        "cancel_asked = 1");
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

std::vector<FileRecord> Store::files(const std::string& id) const {
    const std::lock_guard lock(read_mutex_);
    Statement rows = read_.prepare(
        "SELECT name, bytes, sha256, complete, max_bytes FROM files WHERE job = ? ORDER BY name");
    rows << id;
    std::vector<FileRecord> files;
    while (rows.step()) {
        files.push_back(file_of(rows));
    }
    return files;
}

std::optional<FileRecord> Store::file(const std::string& id, const std::string& name) const {
    const std::lock_guard lock(read_mutex_);
    Statement row = read_.prepare(
        "SELECT name, bytes, sha256, complete, max_bytes FROM files WHERE job = ? AND name = ?");
    row << id << name;
    return row.step() ? std::optional(file_of(row)) : std::nullopt;
}

void Store::put_file(const std::string& id, const FileRecord& file) {
    const std::lock_guard lock(write_mutex_);
    // Nothing for a job that was deleted meanwhile.
    Statement row = write_.prepare(
        "INSERT INTO files (job, name, bytes, sha256, complete) "
        "SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1) "
        "ON CONFLICT (job, name) DO UPDATE SET bytes = ?3, sha256 = ?4, complete = ?5");
    row << id << file.name << signed_bytes(file.bytes) << file.sha256
        << std::int64_t{file.complete};
    row.run();
}

void Store::remove_file(const std::string& id, const std::string& name) {
    const std::lock_guard lock(write_mutex_);
    Statement row = write_.prepare("DELETE FROM files WHERE job = ? AND name = ?");
    row << id << name;
    row.run();
}

void Store::add_usage(const std::string& owner, std::int64_t at, double seconds) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    Statement old = write_.prepare("DELETE FROM usage WHERE at < ?");
    old << at - std::int64_t{60} * 86'400;
    old.run();
    Statement row = write_.prepare("INSERT INTO usage (owner, at, seconds) VALUES (?, ?, ?)");
    row << owner << at << seconds;
    row.run();
    transaction.commit();
}

Usage Store::usage(const std::string& owner, std::int64_t since) const {
    const std::lock_guard lock(read_mutex_);
    Usage usage;
    Statement bytes = read_.prepare(
        "SELECT coalesce(sum(bytes), 0) FROM files JOIN jobs ON files.job = jobs.id WHERE owner = "
        "?");
    bytes << owner;
    bytes.step();
    usage.bytes = static_cast<std::uint64_t>(bytes.integer(0));
    Statement jobs = read_.prepare("SELECT count(*) FROM jobs WHERE owner = ?");
    jobs << owner;
    jobs.step();
    usage.jobs = static_cast<std::uint32_t>(jobs.integer(0));
    Statement hours =
        read_.prepare("SELECT coalesce(sum(seconds), 0.0) FROM usage WHERE owner = ? AND at >= ?");
    hours << owner << since;
    hours.step();
    usage.seconds = hours.real(0);
    return usage;
}

std::uint64_t Store::promised_bytes() const {
    const std::lock_guard lock(read_mutex_);
    Statement row = read_.prepare(
        "SELECT coalesce(sum(max(0, disk_bytes - (SELECT coalesce(sum(bytes), 0) FROM files WHERE "
        "job = jobs.id AND complete = 1))), 0) FROM jobs WHERE state IN (1, 2, 3, 4)");
    row.step();
    return static_cast<std::uint64_t>(row.integer(0));
}

void Store::put_audit_head(std::int64_t sequence, const std::string& hash) {
    const std::lock_guard lock(write_mutex_);
    Statement row =
        write_.prepare("INSERT OR REPLACE INTO audit_head (one, sequence, hash) VALUES (1, ?, ?)");
    row << sequence << hash;
    row.run();
}

std::pair<std::int64_t, std::string> Store::audit_head() const {
    const std::lock_guard lock(read_mutex_);
    Statement row = read_.prepare("SELECT sequence, hash FROM audit_head");
    return row.step() ? std::pair(row.integer(0), row.text(1))
                      : std::pair(std::int64_t{0}, std::string());
}

}  // namespace cipherfit::service
