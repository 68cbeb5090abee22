// A job's process, as its parent sees it: started, heard, ended. The process confines itself before
// it reads anything (app/server/run.cpp).
#pragma once

#include "cipherfit/io/file.h"
#include "cipherfit/protocol/observer.h"
#include "service/records.h"
#include "service/settings.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace cipherfit::service {

class JobProcess {
  public:
    // Must be called on a thread that lives as long as the process may: the process dies with it.
    // Throws Error(io_failure).
    JobProcess(const JobRecord& job, const std::filesystem::path& directory,
               const Settings& settings, unsigned threads, std::uint64_t memory_limit);
    // Kills what still runs, and waits.
    ~JobProcess();
    JobProcess(const JobProcess&) = delete;
    JobProcess& operator=(const JobProcess&) = delete;

    int descriptor() const noexcept { return errors_.get(); }  // readable when it says something
    // Takes what it has said; `progress` is told of each report.
    void listen(const std::function<void(const Progress&)>& progress);
    // True once it has ended.
    bool ended();
    // The status as of waitpid(), once it has ended.
    int status() const noexcept { return status_; }
    // The last line that was no progress, without the program's name.
    const std::string& last_words() const noexcept { return last_words_; }
    // On any thread; all else on one.
    void signal(int number) const noexcept;
    std::uint64_t resident_bytes() const;
    // What it has written to disks since it began; 0 where the system does not say.
    std::uint64_t written_bytes() const;
    std::uint64_t threads() const;

  private:
    std::uint64_t number_in(const char* file, std::string_view name) const;
    void hear_line(const std::string& line, const std::function<void(const Progress&)>& progress);

    // Its number is another's once it was waited for.
    mutable std::mutex waiting_;
    int process_ = -1;
    int status_ = 0;
    bool ended_ = false;
    FileDescriptor errors_;
    std::string pending_, last_words_;
};

}  // namespace cipherfit::service
