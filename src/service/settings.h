// What an operator decides, and how a job's process is started.
#pragma once

#include "cipherfit/protocol/job_files.h"
#include "service/records.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cipherfit::service {

struct JobLaunch {
    std::filesystem::path directory;
    std::uint64_t memory_bytes = 0;  // limits, as sandbox.h has them
    std::uint64_t file_bytes = 0;
    unsigned threads = 1;
    int parent = 0;
    RunChoices choices;
};

struct Settings {
    std::string listen = "127.0.0.1:7443";
    std::string metrics;  // HOST:PORT of /metrics, without encryption; empty: none
    std::filesystem::path data, pki;
    // The program of the job processes and its arguments, without its name.
    std::filesystem::path program;
    std::function<std::vector<std::string>(const JobLaunch&)> arguments;
    unsigned parallel_jobs = 1;
    unsigned threads = 0;  // of each job; 0: the processors divided among the jobs
    // Admission. 0 stands for the machine's memory less a tenth, for no limit of work, hours and
    // quotas.
    std::uint64_t memory_bytes = 0;
    double most_work = 0;
    double job_hours = 0;
    std::uint64_t disk_reserve_bytes = std::uint64_t{1} << 30U;  // stays free
    std::uint64_t quota_bytes = 0;
    std::uint32_t quota_jobs = 0;
    double quota_hours = 0;  // in 30 days
    double retention_hours = 24.0 * 14;
    double stall_seconds = 60;      // of an upload on which nothing arrives
    double least_rate = 1024;       // bytes a second of an upload that is older than that
    double shutdown_seconds = 600;  // for iterations to end
    double grace_seconds = 60;      // for the iteration of a job past its limit
    double retry_seconds = 1;       // after a process could not be started; doubled each time
    // Free bytes of the disk that `data` lies on; empty: what the system says.
    std::function<std::uint64_t()> free_bytes;
    // What the kernel has not for the processes of jobs (sandbox.h).
    std::vector<std::string> lacking;
    TestParameters tests = TestParameters::refuse;
};

}  // namespace cipherfit::service
