// The service without its network: what each call does, for a client that is known by name. Calls
// throw Refusal for what a client can act on; any other exception is a defect or the system's.
// All of it may be called by several threads at once.
#pragma once

#include "service/audit_log.h"
#include "service/ballast.h"
#include "service/metrics.h"
#include "service/outline.h"
#include "service/records.h"
#include "service/refusal.h"
#include "service/scheduler.h"
#include "service/settings.h"
#include "service/store.h"
#include "service/uploads.h"
#include "service/watchers.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cipherfit::service {

inline constexpr std::size_t largest_chunk = std::size_t{4} << 20U;

struct CreateJob {
    std::span<const std::uint8_t> plan;
    std::string label;
    RunChoices choices;
};

struct CreateCharter {
    std::span<const std::uint8_t> charter;
    std::vector<std::string> identities;
    std::uint32_t member = 0;  // whose signature of the charter it is
    std::span<const std::uint8_t> signature;
};

struct UploadStart {
    std::string id, name;
    std::uint64_t bytes = 0;
    std::span<const std::uint8_t> sha256;
    bool is_post = false;  // of a charter
};

struct ServerFacts {
    std::uint64_t memory_bytes = 0;
    Usage usage;
};

class Service;

// One stream of an upload.
class Upload {
  public:
    // Nothing more is wanted: the file is complete.
    bool is_done() const noexcept { return done_; }
    void append(std::uint64_t offset, std::span<const std::uint8_t> bytes);
    // Compares, checks, and accepts the file. Throws Refusal. Of large ones one at a time.
    FileView finish();
    bool is_large() const noexcept { return !done_ && file_.bytes > large_file; }

  private:
    friend class Service;
    Service* service_ = nullptr;
    std::string client_;
    JobRecord job_;
    bool is_post_ = false;
    bool done_ = false;
    FileRecord file_;
    std::shared_ptr<Incoming> incoming_;
    std::uint64_t stream_ = 0;
};

// One stream of a download.
class Download {
  public:
    const FileRecord& file() const noexcept { return file_; }
    // The next bytes, none at the end.
    std::vector<std::uint8_t> next();
    std::uint64_t offset() const noexcept { return offset_; }

  private:
    friend class Service;
    Metrics* metrics_ = nullptr;
    FileRecord file_;
    std::unique_ptr<ByteSource> source_;
    std::uint64_t offset_ = 0;
};

class Service {
  public:
    // Takes hold of the data directory; throws Error(busy) if another service has it.
    explicit Service(Settings settings);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    JobView create_job(const std::string& client, const CreateJob& request);
    JobView job(const std::string& client, const std::string& id) const;
    std::vector<JobView> jobs(const std::string& client, const std::string& before,
                              std::uint32_t limit) const;
    std::vector<FileView> files(const std::string& client, const std::string& id) const;
    Upload upload(const std::string& client, const UploadStart& start);
    Download download(const std::string& client, const std::string& id, const std::string& name,
                      std::uint64_t offset, std::span<const std::uint8_t> sha256);
    JobView start(const std::string& client, const std::string& id);
    JobView answer(const std::string& client, const std::string& id, int iteration,
                   std::span<const std::uint8_t> bytes);
    JobView cancel(const std::string& client, const std::string& id);
    void remove(const std::string& client, const std::string& id);
    ServerFacts facts(const std::string& client) const;

    JobView create_charter(const std::string& client, const CreateCharter& request);
    std::vector<FileView> board(const std::string& client, const std::string& id,
                                std::optional<std::uint32_t> round) const;
    std::uint32_t board_entries(const std::string& id) const;

    // Lets running iterations end; calls are refused from now on.
    void shutdown();
    bool is_ending() const noexcept { return ending_; }
    Watchers& watchers() noexcept { return watchers_; }
    Metrics& metrics() noexcept { return metrics_; }
    AuditLog& audit() noexcept { return audit_; }
    const Settings& settings() const noexcept { return settings_; }

  private:
    friend class Upload;
    std::filesystem::path directory(const std::string& id) const;
    JobRecord own_job(const std::string& client, const std::string& id) const;
    JobRecord visible_job(const std::string& client, const std::string& id) const;
    JobView view(const JobRecord& job) const;
    FileView view(const JobRecord& job, const FileRecord& file) const;
    void admit(const std::string& client, const JobCost& cost) const;
    void require_hours(const std::string& client) const;
    void require_room(const std::string& id, const std::string& name, std::uint64_t bytes) const;
    void require_reserve(const std::string& name, std::uint64_t from, std::uint64_t bytes) const;
    // `bytes` are more than what the job has; it counts as one that is not over.
    void require_quota(const JobRecord& job, std::uint64_t bytes) const;
    // The files of a job as a client may see them.
    std::vector<FileView> views_of(const JobRecord& job, const std::string& client) const;
    void require_board_room(const JobRecord& job, const std::string& part,
                            std::uint64_t bytes) const;
    void drop_old_parts();
    // Notes the entry, then acts: nothing happens that has no entry. What is not done after all has
    // a second one.
    bool audited(const AuditEntry& entry, const std::function<bool()>& act);
    void accept(Upload& upload);
    // Read once: a charter's id is its digest.
    std::shared_ptr<const Charter> charter_of(const std::string& id) const;
    void recover();
    // Only if retention's rule still holds, where that time is given.
    void remove_job(const JobRecord& job, const std::string& who,
                    std::optional<std::int64_t> unchanged_since = {});
    void keep_house();
    void sweep();
    void keep_ballast();
    void note(std::string_view what);

    Settings settings_;
    std::uint64_t memory_bytes_;
    DirectoryLock lock_;
    Ballast ballast_;  // before the database, which cannot be opened on a full disk
    Store store_;
    AuditLog audit_;
    Metrics metrics_;
    Watchers watchers_;
    IncomingFiles incoming_;
    mutable std::mutex charters_mutex_;
    mutable std::map<std::string, std::shared_ptr<const Charter>> charters_;
    // Held while a file's record and what lies at its place change together.
    std::mutex place_mutex_;
    // One plan is looked at at a time: it may take seconds of one processor.
    std::mutex outline_mutex_;
    // Held while there is room, and until it is taken.
    std::mutex admission_mutex_;
    std::optional<std::chrono::steady_clock::time_point> swept_;
    class Removing;
    std::mutex removing_mutex_;
    std::set<std::string> removing_;
    // When retention tried to remove a job and could not.
    std::map<std::string, std::chrono::steady_clock::time_point> not_removed_;
    std::atomic<bool> ending_{false};
    std::unique_ptr<Scheduler> scheduler_;
    std::jthread housekeeping_;
};

}  // namespace cipherfit::service
