// The service's state in SQLite: jobs, their files, who may see a charter, hours that were used.
// Reading goes by a connection of its own, so that a status never waits for a commit.
#pragma once

#include "service/database.h"
#include "service/records.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit::service {

inline constexpr int schema_version = 3;

struct Usage {
    // Announced by uploads, and of results; of jobs that are not over at least what they are
    // predicted to take; a charter is over when it has succeeded. Parts of posts are not counted.
    std::uint64_t bytes = 0;
    std::uint32_t jobs = 0;
    double seconds = 0;  // of running, since the time that was asked for
};

// Throws Error(io_failure) for what SQLite reports, and for a database of a later version.
class Store {
  public:
    explicit Store(const std::filesystem::path& file);

    // False if the owner has a job of that plan and label.
    bool add_job(const JobRecord& job, const std::vector<FileRecord>& files,
                 const std::vector<std::string>& members = {});
    std::optional<JobRecord> job(const std::string& id) const;
    std::optional<JobRecord> find_job(const std::string& owner, const std::string& plan_digest,
                                      const std::string& label) const;
    // Newest first; before the job `before`, where that is not empty.
    std::vector<JobRecord> jobs_of(const std::string& owner, const std::string& before,
                                   std::uint32_t limit) const;
    std::vector<JobRecord> jobs_in(std::initializer_list<JobState> states) const;
    std::uint32_t count(JobState state) const;
    // Calls `take_away` when the record is gone for all but a failure of it or of the disk. False
    // if there is no such job, or if retention's rule (below) does not hold of it where
    // `unchanged_since` is given.
    bool remove_job(
        const std::string& id, const std::optional<std::int64_t>& unchanged_since = {},
        const std::function<void()>& take_away = [] {});
    // Jobs that retention removes: without a change since `changed`, and over or waiting for their
    // owner. Charters wait for their members without an end, until they have succeeded.
    std::vector<JobRecord> expired(std::int64_t changed) const;
    // Something has happened to it now.
    void touch(const std::string& id);
    bool is_member(const std::string& id, const std::string& identity) const;

    // Moves the job if it is in one of the states `from`; false otherwise. `reason` replaces the
    // one that is there.
    bool move(const std::string& id, std::initializer_list<JobState> from, JobState to,
              const std::string& reason = {}, int review_iteration = 0);
    // To the end of the queue.
    bool enqueue(const std::string& id, std::initializer_list<JobState> from);
    // After a restart: what was running goes on in its place, at the front.
    void requeue_running();
    bool ask_cancel(const std::string& id);

    std::vector<FileRecord> files(const std::string& id) const;
    std::optional<FileRecord> file(const std::string& id, const std::string& name) const;
    // Those that were announced and are not complete, with their jobs' ids.
    std::vector<std::pair<std::string, FileRecord>> open_uploads() const;
    // Adds or replaces; the job has changed.
    void put_file(const std::string& id, const FileRecord& file);
    void put_files(const std::string& id, const std::vector<FileRecord>& files);
    // Adds or replaces a post in the place of all its parts.
    void put_post(const std::string& id, const FileRecord& file);
    void remove_file(const std::string& id, const std::string& name);

    void add_usage(const std::string& owner, std::int64_t at, double seconds);
    Usage usage(const std::string& owner, std::int64_t since) const;
    // Disk that admitted jobs are predicted to take and that no file takes yet.
    std::uint64_t promised_bytes() const;

    void put_audit_head(std::int64_t sequence, const std::string& hash);
    std::pair<std::int64_t, std::string> audit_head() const;

  private:
    void migrate();

    mutable std::mutex write_mutex_, read_mutex_;
    mutable Database write_, read_;
};

// As Store::audit_head(), of a database that is not changed.
std::pair<std::int64_t, std::string> noted_audit_head(const std::filesystem::path& file);

}  // namespace cipherfit::service
