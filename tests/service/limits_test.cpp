// Room on the disk and hours.
#include "service/shell_jobs.h"

#include <fstream>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

class LimitsTest : public ShellJobs {};

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
