// What ends a job's process, what becomes of one that cannot be started, and what is kept of it.
#include "cipherfit/io/file.h"
#include "service/shell_jobs.h"

#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

class JobLimitsTest : public ShellJobs {};

TEST_F(JobLimitsTest, AJobWithVeryManyThreadsIsEnded) {
    add_job("a", "alice", 1, JobState::queued);
    script =
        "exec /usr/bin/python3 -c 'import threading, time\n"
        "for i in range(100000): threading.Thread(target=time.sleep, args=(60,)).start()'";
    Service service(settings);
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_NE(ended.reason.find("more threads"), std::string::npos) << ended.reason;
}

TEST_F(JobLimitsTest, ThreadsThatTheOperatorAsksForAreNoneTooMany) {
    add_job("a", "alice", 1, JobState::queued);
    settings.threads = 200;
    script = fmt::format(
        "exec /usr/bin/python3 -c 'import threading, time\n"
        "for i in range({}): threading.Thread(target=time.sleep, args=(1.5,)).start()\n"
        "open(\"model.cft\", \"w\")'",
        300 + 8 * std::thread::hardware_concurrency());
    Service service(settings);
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::succeeded) << ended.reason;
}

TEST_F(JobLimitsTest, AJobWithVeryManyFilesOrDeepDirectoriesIsEnded) {
    settings.parallel_jobs = 2;
    add_job("deep", "alice", 1, JobState::queued);
    add_job("many", "alice", 1, JobState::queued);
    script =
        "case $PWD in *deep) mkdir -p a/b/c/d/e/f/g/h/i/j;; "
        "*) /usr/bin/python3 -c 'for i in range(21000): open(str(i), \"w\")';; esac; sleep 60";
    Service service(settings);
    const std::string deep = wait_for_end(service, "deep").reason;
    EXPECT_NE(deep.find("more than 8 deep"), std::string::npos) << deep;
    const std::string many = wait_for_end(service, "many").reason;
    EXPECT_NE(many.find("more files than 20000"), std::string::npos) << many;
}

TEST_F(JobLimitsTest, WhatIsTooLargeIsNotReadAtTheEnd) {
    add_job("a", "alice", 1, JobState::queued);
    script =
        "mkdir checkpoints; truncate -s 3G checkpoints/iteration_0001.cft; echo model > model.cft";
    Service service(settings);
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_NE(ended.reason.find("more disk"), std::string::npos) << ended.reason;
    EXPECT_EQ(service.files("alice", "a").size(), 1U);  // what was uploaded
}

TEST_F(JobLimitsTest, TheLookAtADirectoryEndsAtALimit) {
    std::filesystem::create_directories(home / "job/1/2/3");
    for (int i = 0; i < 20; ++i) {
        std::ofstream(home / "job" / fmt::format("file{}", i)).flush();
    }
    EXPECT_EQ(disk_use_of(home / "job").entries, 23U);
    EXPECT_EQ(disk_use_of(home / "job", {.entries = 10}).entries, 11U);
    EXPECT_EQ(disk_use_of(home / "job", {.bytes = 4096}).entries, 2U);
    EXPECT_TRUE(disk_use_of(home / "job", {.depth = 2}).is_deep);
    EXPECT_FALSE(disk_use_of(home / "job", {.depth = 3}).is_deep);
    EXPECT_FALSE(disk_use_of(home / "none").is_hidden);
}

TEST_F(JobLimitsTest, EmptyFilesCountToo) {
    std::filesystem::create_directories(home / "job/deep");
    for (const char* name : {"a", "b", "deep/c"}) {
        std::ofstream(home / "job" / name).flush();
    }
    EXPECT_EQ(disk_use_of(home / "job").bytes, 4U * 4096);
    std::ofstream(home / "job/a") << std::string(100, 'x');
    EXPECT_EQ(disk_use_of(home / "job").bytes, 4U * 4096 + 100);
    EXPECT_FALSE(disk_use_of(home / "job").is_hidden);
}

TEST_F(JobLimitsTest, AJobPastItsTimeIsAskedToEndAndThenKilled) {
    add_job("polite", "alice", 1, JobState::queued);
    add_job("deaf", "alice", 1, JobState::queued);
    settings.job_hours = 0.2 / 3600;
    settings.grace_seconds = 0.5;
    settings.parallel_jobs = 2;
    script =
        "case $PWD in *deaf) trap '' TERM;; *) trap 'exit 130' TERM;; esac; "
        "while :; do sleep 0.05; done";
    Service service(settings);
    for (const char* id : {"polite", "deaf"}) {
        const JobRecord ended = wait_for_end(service, id);
        EXPECT_EQ(ended.state, JobState::failed);
        EXPECT_NE(ended.reason.find("limit of"), std::string::npos) << ended.reason;
    }
}

TEST_F(JobLimitsTest, AProcessThatCannotBeStartedIsTriedAgainAndNotForEver) {
    add_job("a", "alice", 1, JobState::queued);
    settings.program = home / "late";
    {
        Service service(settings);
        const JobRecord ended = wait_for_end(service, "a");
        EXPECT_EQ(ended.state, JobState::failed);
        EXPECT_NE(ended.reason.find("could not start"), std::string::npos) << ended.reason;
    }
    add_job("b", "alice", 1, JobState::queued);
    settings.retry_seconds = 0.2;
    Service service(settings);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(is_final(service.job("alice", "b").record.state));
    std::filesystem::create_symlink("/bin/sh", home / "late");
    EXPECT_EQ(wait_for_end(service, "b").state, JobState::succeeded);
}

TEST_F(JobLimitsTest, ADatabaseThatFailsIsNoFailureOfAJob) {
    add_job("a", "alice", 1, JobState::queued);
    {
        Database database(settings.data / "service.sqlite");
        database.execute(
            "CREATE TRIGGER never BEFORE UPDATE OF state ON jobs WHEN NEW.state = 3 "
            "BEGIN SELECT RAISE(ABORT, 'no'); END");
    }
    Service service(settings);
    // Each try has a line of its own; after five a process would not be tried again.
    wait_until([&] { return service.audit().head().sequence >= 10; });
    EXPECT_EQ(service.job("alice", "a").record.state, JobState::queued);
    Database(settings.data / "service.sqlite").execute("DROP TRIGGER never");
    EXPECT_EQ(wait_for_end(service, "a").state, JobState::succeeded);
}

TEST_F(JobLimitsTest, AJobThatCouldNotBeRequeuedIsServedAllTheSame) {
    add_job("a", "alice", 1, JobState::queued);
    {
        Database database(settings.data / "service.sqlite");
        database.execute("UPDATE jobs SET state = 3");
        database.execute(
            "CREATE TRIGGER never BEFORE UPDATE OF state ON jobs WHEN NEW.state = 2 "
            "BEGIN SELECT RAISE(ABORT, 'no'); END");
    }
    Service service(settings);
    EXPECT_EQ(wait_for_end(service, "a").state, JobState::succeeded);
}

TEST_F(JobLimitsTest, AJobThatWaitsAsRunningCanBeCancelled) {
    add_job("first", "alice", 1, JobState::queued);
    add_job("second", "alice", 1, JobState::queued);
    script =
        "case $PWD in *first) until [ -e go ]; do sleep 0.05; done;; *) sleep 60;; esac; "
        "echo model > model.cft";
    Service service(settings);
    wait_for_state(service, "first", JobState::running);
    Database(settings.data / "service.sqlite")
        .execute("UPDATE jobs SET state = 3 WHERE id = 'second'");
    service.cancel("alice", "second");
    std::ofstream(settings.data / "jobs/first/go").flush();
    EXPECT_EQ(wait_for_end(service, "first").state, JobState::succeeded);
    EXPECT_EQ(wait_for_end(service, "second").state, JobState::cancelled);
}

TEST_F(JobLimitsTest, AJobThatWritesInPlaceOnAFullDiskIsEndedToo) {
    const auto written = [] {
        std::ifstream in("/proc/self/io");
        std::uint64_t bytes = 0;
        for (std::string name; in >> name >> bytes && name != "write_bytes:";) {
        }
        return bytes;
    };
    add_job("a", "alice", 1, JobState::queued);
    const auto junk = settings.data / "jobs/a/junk";
    const std::uint64_t before = written();
    value_or_throw(write_file(junk, std::vector<std::uint8_t>(4 * megabyte)));
    if (written() < before + 4 * megabyte) {
        GTEST_SKIP() << "the system does not count what is written there";
    }
    script =
        "exec /usr/bin/python3 -c 'import os, time\n"
        "junk = os.open(\"junk\", os.O_RDWR)\n"
        "while True: os.pwrite(junk, bytes(4000000), 0); os.fsync(junk); time.sleep(0.1)'";
    Service service(settings);
    wait_for_state(service, "a", JobState::running);
    free = megabyte / 4;
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_NE(ended.reason.find("disk was full"), std::string::npos) << ended.reason;
}

}  // namespace
}  // namespace cipherfit::service
