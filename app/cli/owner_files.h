// What the command line does about the owner's directory and the job's, beside the session.
#pragma once

#include "cipherfit/protocol/owner/owner_session.h"
#include "protocol/owner/private_json.h"

#include <filesystem>

#include <nlohmann/json.hpp>

namespace cipherfit {

// server_report.json, or an empty object if there is none. It comes from outside: at most 64 KiB
// are read.
nlohmann::json read_server_report(const JobFiles& job);

// Makes the directory and its parents; throws Error(io_failure). The owner's gets mode 0700, even
// if it is there already.
void make_directory(const std::filesystem::path& path);
void make_owner_directory(const std::filesystem::path& path);
// Makes a job's directory, which others may read as far as the user's umask lets them.
void make_job_directory(const std::filesystem::path& path);

// From then on whatever this process makes is its user's alone, whatever the umask was.
void keep_files_private() noexcept;
// The umask that the process was started with: for what a server gets.
unsigned callers_umask() noexcept;
// As long as it lives, files and directories are made under that umask: those of a job, which other
// users may have to read.
class SharedFiles {
  public:
    SharedFiles() noexcept;
    ~SharedFiles();
    SharedFiles(const SharedFiles&) = delete;
    SharedFiles& operator=(const SharedFiles&) = delete;

  private:
    unsigned before_;
};

// Keeps the session and what it was planned from in the owner's directory, which this process
// holds. Throws Error(busy) if another process has made a plan there in the meantime.
void keep_plan(OwnerSession& session, const std::filesystem::path& directory,
               const nlohmann::json& inputs);
// The same in a directory that is made for it.
void keep_new_plan(OwnerSession& session, const std::filesystem::path& directory,
                   const nlohmann::json& inputs);

}  // namespace cipherfit
