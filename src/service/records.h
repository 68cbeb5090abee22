// What the service keeps of a job, and what it tells of one.
#pragma once

#include "cipherfit/protocol/observer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit::service {

// The numbers of kinds and states are those of proto/cipherfit/v1/jobs.proto and of the database.
enum class JobKind { training = 1, prediction = 2, charter = 3 };

enum class JobState {
    uploading = 1,
    queued = 2,
    running = 3,
    awaiting_review = 4,
    succeeded = 5,
    stopped = 6,
    failed = 7,
    cancelled = 8,
};

constexpr bool is_final(JobState state) noexcept {
    return state >= JobState::succeeded;
}
std::string_view name(JobState state) noexcept;
std::string_view name(JobKind kind) noexcept;

struct RunChoices {
    int keep_every = 0;
    int checkpoint_every = 1;
    int review_every = 0;
    friend bool operator==(const RunChoices&, const RunChoices&) = default;
};

struct JobCost {
    std::uint64_t memory_bytes = 0;
    std::uint64_t disk_bytes = 0;
    double work = 0;
};

struct JobRecord {
    std::string id, owner, label;
    JobKind kind = JobKind::training;
    JobState state = JobState::uploading;
    std::string plan_digest;  // hex
    RunChoices choices;
    JobCost cost;
    std::string reason;
    int review_iteration = 0;
    bool cancel_asked = false;
    std::int64_t created = 0, queued = 0, started = 0, finished = 0;  // Unix seconds
    std::int64_t place = 0;  // in order of arrival; 0: not queued
};

struct FileRecord {
    std::string name = {};
    std::uint64_t bytes = 0;
    std::string sha256 = {};  // hex
    bool complete = false;
    std::uint64_t max_bytes = 0;  // of what the job needs; 0: it does not need the file
};

// What came of a post is recorded under a name of each client's own, so that none replaces
// another's.
inline std::string part_name(const std::string& name, const std::string& client) {
    return name + "~" + client;
}
// The name of the post; what is no part has no '~'.
inline std::string plain_name(const std::string& name) {
    return name.substr(0, name.find('~'));
}
inline bool is_part(const std::string& name) {
    return name.find('~') != std::string::npos;
}

// A running job's progress, as its process tells it.
struct JobProgress {
    Progress progress;
    int iterations = 0;
    double seconds_left = -1;
};

// A job as a client sees it.
struct JobView {
    JobRecord record;
    std::uint32_t queue_position = 0;
    std::int64_t expires = 0;
    std::optional<JobProgress> progress = std::nullopt;
};

struct FileView {
    FileRecord record;
    std::uint64_t received = 0;
};

}  // namespace cipherfit::service
