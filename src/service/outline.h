// What a plan asks of the server: files, memory, disk and work; and whether a file that came is
// what it should be. All of it is read from a client's bytes.
#pragma once

#include "cipherfit/parties/charter.h"
#include "cipherfit/protocol/job_files.h"
#include "service/records.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cipherfit::service {

inline constexpr std::size_t largest_plan_bytes = std::size_t{4} << 20U;
// The check of a larger file has large parts of it in memory, and takes long.
inline constexpr std::uint64_t large_file = std::uint64_t{32} << 20U;

struct Outline {
    JobKind kind = JobKind::training;
    JobCost cost;
    std::vector<FileRecord> files;  // with the most bytes of each
};

// The outline of a plan's file, whose kind decides. Throws Error as the readers do.
Outline outline_of_plan(const std::filesystem::path& plan, const RunChoices& choices,
                        TestParameters tests);
// The name of that file in a job's directory. Throws Error.
std::string plan_name(std::span<const std::uint8_t> plan);
Outline outline_of_charter(const Charter& charter, TestParameters tests);

// Whether an uploaded file is a sound container of the kind that its name says, made for the job in
// the directory. Ciphertexts and keys are looked at by the job's own process. Throws Error.
void check_upload(const std::filesystem::path& directory, JobKind kind, const std::string& name,
                  const std::filesystem::path& file);

// Whether an answer to a review is one of the owner: signed under the plan's key. Throws Error.
void check_answer(const std::filesystem::path& directory, int iteration,
                  std::span<const std::uint8_t> answer, TestParameters tests);

// The most bytes of a file of a charter's directory that a client may post; 0 for a name that is
// none.
std::uint64_t largest_post(const Charter& charter, const std::string& name);
// Whether a posted signature or message is one of the charter's member that its name says. Throws
// Error.
void check_post(const Charter& charter, const std::string& name, const std::filesystem::path& file);

}  // namespace cipherfit::service
