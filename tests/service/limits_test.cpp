// Room on the disk and hours, by a service whose jobs are in its database from the start and whose
// processes are a shell's.
#include "cipherfit/base/secure.h"
#include "service/refusal.h"
#include "service/service.h"
#include "service/temporary_home.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

constexpr std::uint64_t megabyte = 1'000'000;

class LimitsTest : public service_test::TemporaryHome {
  protected:
    void SetUp() override {
        TemporaryHome::SetUp();
        settings.data = home / "data";
        settings.program = "/bin/sh";
        settings.arguments = [this](const JobLaunch& launch) {
            return std::vector<std::string>{
                "-c", "cd '" + launch.directory.string() + "' || exit 2; " + script};
        };
        settings.disk_reserve_bytes = megabyte;
        settings.free_bytes = [this] { return free.load(); };
        settings.retry_seconds = 0.01;
    }

    // A training of that client, whose files may have that size in all.
    void add_job(const std::string& id, const std::string& owner, std::uint64_t most,
                 JobState state = JobState::uploading) {
        std::filesystem::create_directories(settings.data / "jobs" / id);
        Store store(settings.data / "service.sqlite");
        JobRecord job;
        job.id = id;
        job.owner = owner;
        job.plan_digest = "plan of " + id;
        job.created = 1;
        store.add_job(job, {{.name = "training_data.cft", .max_bytes = most}});
        if (state == JobState::queued) {
            store.put_file(id, {.name = "training_data.cft", .bytes = 1, .complete = true});
            store.enqueue(id, {JobState::uploading});
        }
    }

    static Upload begin(Service& service, const std::string& client, const std::string& job,
                        std::uint64_t bytes) {
        static const Digest digest{};
        return service.upload(
            client, {.id = job, .name = "training_data.cft", .bytes = bytes, .sha256 = digest});
    }

    static Status status_of_call(const std::function<void()>& call) {
        try {
            call();
        } catch (const Refusal& refusal) {
            return refusal.status();
        }
        return Status{};
    }

    static JobRecord wait_for_end(Service& service, const std::string& id) {
        for (int tries = 0; tries < 1000; ++tries) {
            const JobRecord job = service.job("alice", id).record;
            if (is_final(job.state)) {
                return job;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        ADD_FAILURE() << "the job did not end in time";
        return {};
    }

    static void wait_until(const std::function<bool()>& holds) {
        for (int tries = 0; tries < 1000; ++tries) {
            if (holds()) {
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        ADD_FAILURE() << "it did not happen in time";
    }
    static void wait_for_state(Service& service, const std::string& id, JobState state) {
        wait_until([&] { return service.job("alice", id).record.state == state; });
    }

    Settings settings;
    std::string script = "echo model > model.cft";
    std::atomic<std::uint64_t> free{100 * megabyte};
};

TEST_F(LimitsTest, WhatOpenUploadsHaveAnnouncedIsNotPromisedTwice) {
    add_job("a", "alice", 90 * megabyte);
    add_job("b", "bob", 90 * megabyte);
    Service service(settings);
    const Upload first = begin(service, "alice", "a", 60 * megabyte);
    EXPECT_EQ(status_of_call([&] { begin(service, "bob", "b", 60 * megabyte); }),
              Status::resource_exhausted);
    // A smaller one fits, and the first one again is not counted twice.
    begin(service, "bob", "b", 30 * megabyte);
    begin(service, "alice", "a", 60 * megabyte);
    // A larger one in the place of one's own: only the other's counts.
    EXPECT_EQ(status_of_call([&] { begin(service, "bob", "b", 40 * megabyte); }),
              Status::resource_exhausted);
    begin(service, "bob", "b", 39 * megabyte);
}

TEST_F(LimitsTest, TheQuotaCountsWhatJobsArePredictedToTake) {
    add_job("a", "alice", 90 * megabyte);
    add_job("b", "alice", 90 * megabyte);
    Database(settings.data / "service.sqlite")
        .execute("UPDATE jobs SET disk_bytes = 50000000 WHERE id = 'a'");
    settings.quota_bytes = 80 * megabyte;
    Service service(settings);
    EXPECT_EQ(service.facts("alice").usage.bytes, 50 * megabyte);
    // Within what the one was admitted with, and what is left to the other.
    begin(service, "alice", "a", 49 * megabyte);
    begin(service, "alice", "b", 30 * megabyte);
    EXPECT_EQ(status_of_call([&] { begin(service, "alice", "b", 31 * megabyte); }),
              Status::resource_exhausted);
    EXPECT_EQ(status_of_call([&] { begin(service, "alice", "a", 51 * megabyte); }),
              Status::resource_exhausted);
}

TEST_F(LimitsTest, AnUploadEndsWhenOthersHaveFilledTheDiskAndGoesOnLater) {
    add_job("a", "alice", 90 * megabyte);
    Service service(settings);
    const std::vector<std::uint8_t> chunk(megabyte, 1);
    {
        Upload upload = begin(service, "alice", "a", 60 * megabyte);
        free = 1'500'000;
        EXPECT_EQ(status_of_call([&] { upload.append(0, chunk); }), Status::resource_exhausted);
        free = 100 * megabyte;
        upload.append(0, chunk);
    }
    Upload upload = begin(service, "alice", "a", 60 * megabyte);
    EXPECT_EQ(service.files("alice", "a").at(0).received, megabyte);
    upload.append(megabyte, chunk);
}

TEST_F(LimitsTest, AJobThatWritesOnAFullDiskIsEndedAndOneThatDoesNotIsLeftAlone) {
    add_job("a", "alice", 1, JobState::queued);
    script = "while :; do echo 0123456789 >> junk; sleep 0.05; done";
    {
        Service service(settings);
        wait_for_state(service, "a", JobState::running);
        free = megabyte / 4;
        const JobRecord ended = wait_for_end(service, "a");
        EXPECT_EQ(ended.state, JobState::failed);
        EXPECT_NE(ended.reason.find("disk was full"), std::string::npos) << ended.reason;
    }
    free = 100 * megabyte;
    add_job("b", "alice", 1, JobState::queued);
    // What was uploaded is nothing that the job writes.
    std::ofstream(settings.data / "jobs/b/training_data.cft") << std::string(2 * megabyte, 'x');
    script = "sleep 1.5; echo model > model.cft";
    Service service(settings);
    wait_for_state(service, "b", JobState::running);
    free = megabyte / 4;
    EXPECT_EQ(wait_for_end(service, "b").state, JobState::succeeded);
}

TEST_F(LimitsTest, NoJobStartsOnAFullDiskAndAllDoLater) {
    for (const char* id : {"a", "b"}) {
        add_job(id, "alice", 1, JobState::queued);
    }
    free = megabyte / 4;
    script = "echo x >> started; echo model > model.cft";
    Service service(settings);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    for (const char* id : {"a", "b"}) {
        EXPECT_EQ(service.job("alice", id).record.state, JobState::queued);
        EXPECT_FALSE(std::filesystem::exists(settings.data / "jobs" / id / "started"));
    }
    free = 100 * megabyte;
    for (const char* id : {"a", "b"}) {
        EXPECT_EQ(wait_for_end(service, id).state, JobState::succeeded);
    }
}

TEST_F(LimitsTest, AJobWithVeryManyThreadsIsEnded) {
    add_job("a", "alice", 1, JobState::queued);
    script =
        "exec /usr/bin/python3 -c 'import threading, time\n"
        "for i in range(100000): threading.Thread(target=time.sleep, args=(60,)).start()'";
    Service service(settings);
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_NE(ended.reason.find("more threads"), std::string::npos) << ended.reason;
}

TEST_F(LimitsTest, ThreadsThatTheOperatorAsksForAreNoneTooMany) {
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

TEST_F(LimitsTest, AJobWithVeryManyFilesOrDeepDirectoriesIsEnded) {
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

TEST_F(LimitsTest, WhatIsTooLargeIsNotReadAtTheEnd) {
    add_job("a", "alice", 1, JobState::queued);
    script =
        "mkdir checkpoints; truncate -s 3G checkpoints/iteration_0001.cft; echo model > model.cft";
    Service service(settings);
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_NE(ended.reason.find("more disk"), std::string::npos) << ended.reason;
    EXPECT_EQ(service.files("alice", "a").size(), 1U);  // what was uploaded
}

TEST_F(LimitsTest, TheLookAtADirectoryEndsAtALimit) {
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

TEST_F(LimitsTest, EmptyFilesCountToo) {
    std::filesystem::create_directories(home / "job/deep");
    for (const char* name : {"a", "b", "deep/c"}) {
        std::ofstream(home / "job" / name).flush();
    }
    EXPECT_EQ(disk_use_of(home / "job").bytes, 4U * 4096);
    std::ofstream(home / "job/a") << std::string(100, 'x');
    EXPECT_EQ(disk_use_of(home / "job").bytes, 4U * 4096 + 100);
    EXPECT_FALSE(disk_use_of(home / "job").is_hidden);
}

TEST_F(LimitsTest, AJobPastItsTimeIsAskedToEndAndThenKilled) {
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

TEST_F(LimitsTest, HoursThatAreUsedKeepAJobFromItsStartAndFromItsTurn) {
    add_job("a", "alice", 1, JobState::queued);
    add_job("b", "alice", 1);
    add_job("c", "bob", 1, JobState::queued);
    {
        Store store(settings.data / "service.sqlite");
        store.put_file("b", {.name = "training_data.cft", .bytes = 1, .complete = true});
        store.add_usage("alice", std::time(nullptr), 3600.5);
        store.add_usage("bob", std::time(nullptr) - 31 * 86'400, 7200);  // forgotten
    }
    settings.quota_hours = 1;
    Service service(settings);
    const JobRecord ended = wait_for_end(service, "a");
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_NE(ended.reason.find("'alice' has used its 1 hours"), std::string::npos) << ended.reason;
    EXPECT_EQ(status_of_call([&] { service.start("alice", "b"); }), Status::resource_exhausted);
    for (int tries = 0; tries < 500 && service.job("bob", "c").record.state != JobState::succeeded;
         ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(service.job("bob", "c").record.state, JobState::succeeded);
}

TEST_F(LimitsTest, AProcessThatCannotBeStartedIsTriedAgainAndNotForEver) {
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

TEST_F(LimitsTest, ADatabaseThatFailsIsNoFailureOfAJob) {
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

TEST_F(LimitsTest, AJobThatCouldNotBeRequeuedIsServedAllTheSame) {
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

TEST_F(LimitsTest, AJobThatWaitsAsRunningCanBeCancelled) {
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

TEST_F(LimitsTest, ADirectoryOfOtherThingsIsNotTakenOver) {
    std::filesystem::create_directories(settings.data);
    std::ofstream(settings.data / "letters.txt") << "x";
    std::filesystem::permissions(settings.data, std::filesystem::perms(0755));
    try {
        const Service service(settings);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_input);
    }
    EXPECT_EQ(std::filesystem::status(settings.data).permissions(), std::filesystem::perms(0755));
}

TEST_F(LimitsTest, AnAuditLogThatWasMadeAnewKeepsTheServiceFromItsStart) {
    {
        const Service service(settings);
    }
    const std::filesystem::path file = settings.data / "audit.log";
    const auto fails = [&] {
        try {
            const Service service(settings);
        } catch (const Error& error) {
            return error.code() == ErrorCode::corrupt_data;
        }
        return false;
    };
    {  // later entries of a sudden end are no reason
        AuditLog(file).add({.who = "server", .what = "more"});
    }
    EXPECT_FALSE(fails());
    const auto entries = AuditLog(file).head().sequence;
    for (const int more : {0, 1}) {  // as long as it was noted, and longer
        std::filesystem::remove(file);
        AuditLog made(file);
        for (std::int64_t i = 0; i < entries + more; ++i) {
            made.add({.who = "mallory", .what = "nothing"});
        }
        EXPECT_TRUE(fails()) << more;
    }
}

}  // namespace
}  // namespace cipherfit::service
