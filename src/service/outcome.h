// What the end of a job's process means for the job.
#pragma once

#include "service/records.h"

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace cipherfit::service {

struct ProcessEnd {
    const JobRecord& job;
    const std::filesystem::path& directory;
    int status = 0;            // as of waitpid()
    const std::string& words;  // its last line
    const std::string& killed_for;
    bool is_cancelled = false;
    bool is_shutdown = false;
    bool is_over_time = false;
};

struct Outcome {
    JobState state = JobState::failed;  // queued: to go on in another process
    std::string reason = {};
    int review_iteration = 0;
};

Outcome outcome_of(const ProcessEnd& end);
// The file that a job is there for.
std::string result_of(JobKind kind);

// What is recorded of a job's files: one that is complete and was not touched since `launched` is
// what it was.
struct KnownFiles {
    std::vector<FileRecord> files = {};
    std::filesystem::file_time_type launched = std::filesystem::file_time_type::min();
};
// What a job has made for its owner: the result first, with sizes and digests. What cannot be read
// is left out. Throws Error(interrupted) when it is to stop.
std::vector<FileRecord> result_files(const std::filesystem::path& directory, JobKind kind,
                                     const KnownFiles& known = {},
                                     const std::stop_token& stop = {});

// Throws Refusal(failed_precondition) if a part of the name is a link in the directory.
void require_no_links(const std::filesystem::path& directory, const std::filesystem::path& name);

}  // namespace cipherfit::service
