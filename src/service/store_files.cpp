// The part of the store beside the jobs themselves: files, use, the audit log's end.
#include "service/store.h"

#include <ctime>

namespace cipherfit::service {
namespace {

// Not over; a charter is over when it has succeeded.
#define CIPHERFIT_IS_OPEN "(state < 5 OR (kind = 3 AND state != 5))"

FileRecord file_of(const Statement& row) {
    return {row.text(0), static_cast<std::uint64_t>(row.integer(1)), row.text(2),
            row.integer(3) != 0, static_cast<std::uint64_t>(row.integer(4))};
}

std::pair<std::int64_t, std::string> audit_head_in(Database& database) {
    Statement row = database.prepare("SELECT sequence, hash FROM audit_head");
    return row.step() ? std::pair(row.integer(0), row.text(1))
                      : std::pair(std::int64_t{0}, std::string());
}

// Nothing for a job that was deleted meanwhile.
void put(Database& database, const std::string& id, const FileRecord& file) {
    Statement row = database.prepare(
        "INSERT INTO files (job, name, bytes, sha256, complete) "
        "SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1) "
        "ON CONFLICT (job, name) DO UPDATE SET bytes = ?3, sha256 = ?4, complete = ?5");
    row << id << file.name << signed_bytes(file.bytes) << file.sha256
        << std::int64_t{file.complete};
    row.run();
}

void note_change(Database& database, const std::string& id) {
    Statement row = database.prepare("UPDATE jobs SET changed = ?2 WHERE id = ?1");
    row << id << std::int64_t{std::time(nullptr)};
    row.run();
}

}  // namespace

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

std::vector<std::pair<std::string, FileRecord>> Store::open_uploads() const {
    const std::lock_guard lock(read_mutex_);
    Statement rows = read_.prepare(
        "SELECT name, bytes, sha256, complete, max_bytes, job FROM files WHERE complete = 0 AND "
        "bytes > 0");
    std::vector<std::pair<std::string, FileRecord>> files;
    while (rows.step()) {
        files.emplace_back(rows.text(5), file_of(rows));
    }
    return files;
}

void Store::put_file(const std::string& id, const FileRecord& file) {
    put_files(id, {file});
}

void Store::put_files(const std::string& id, const std::vector<FileRecord>& files) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    for (const FileRecord& file : files) {
        put(write_, id, file);
    }
    note_change(write_, id);
    transaction.commit();
}

void Store::put_post(const std::string& id, const FileRecord& file) {
    const std::lock_guard lock(write_mutex_);
    Transaction transaction(write_);
    put(write_, id, file);
    Statement parts = write_.prepare(
        "DELETE FROM files WHERE job = ?1 AND substr(name, 1, length(?2) + 1) = ?2 || '~'");
    parts << id << file.name;
    parts.run();
    note_change(write_, id);
    transaction.commit();
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
        "SELECT coalesce(sum(max(CASE WHEN " CIPHERFIT_IS_OPEN
        " THEN disk_bytes ELSE 0 END, (SELECT coalesce(sum(bytes), 0) FROM files WHERE job = "
        "jobs.id AND instr(name, '~') = 0))), 0) FROM jobs WHERE owner = ?");
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
        "job = jobs.id AND complete = 1))), 0) FROM jobs WHERE " CIPHERFIT_IS_OPEN);
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
    return audit_head_in(read_);
}

std::pair<std::int64_t, std::string> noted_audit_head(const std::filesystem::path& file) {
    Database database(file, Database::Access::read_only);
    return audit_head_in(database);
}

}  // namespace cipherfit::service
