// What a service does by itself to its data directory: what it takes for its own, what it removes,
// and what it keeps.
#include "cipherfit/base/error.h"
#include "cipherfit/base/secure.h"
#include "service/refusal.h"
#include "service/service.h"
#include "service/temporary_home.h"

#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

namespace fs = std::filesystem;

class HousekeepingTest : public service_test::TemporaryHome {
  protected:
    void SetUp() override {
        TemporaryHome::SetUp();
        settings.data = home / "data";
        settings.program = "/bin/true";
        settings.arguments = [](const JobLaunch&) { return std::vector<std::string>(); };
        settings.disk_reserve_bytes = 1;
        settings.free_bytes = [this] { return free.load(); };
    }

    void add_job(const std::string& id, std::int64_t created, JobKind kind = JobKind::training) {
        fs::create_directories(settings.data / "jobs" / id);
        std::ofstream(settings.data / "jobs" / id / "model.cft") << "x";
        Store store(settings.data / "service.sqlite");
        JobRecord job;
        job.id = id;
        job.owner = "alice";
        job.kind = kind;
        job.plan_digest = "plan of " + id;
        job.created = created;
        store.add_job(job, {});
    }

    bool is_refused() {
        try {
            const Service service(settings);
        } catch (const Error& error) {
            return error.code() == ErrorCode::bad_input;
        }
        return false;
    }

    std::vector<fs::path> entries(const fs::path& directory) const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(settings.data / directory)) {
            found.push_back(entry.path());
        }
        return found;
    }

    static void wait_until(const std::function<bool()>& holds) {
        for (int tries = 0; tries < 1000 && !holds(); ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        EXPECT_TRUE(holds());
    }

    Settings settings;
    std::atomic<std::uint64_t> free{std::uint64_t{1} << 30U};
};

TEST_F(HousekeepingTest, JobsOfAnotherAreNoSignOfOnesOwnDirectory) {
    fs::create_directories(settings.data / "jobs/thesis");
    std::ofstream(settings.data / "jobs/thesis/chapter.txt") << "x";
    fs::permissions(settings.data, fs::perms(0755));
    EXPECT_TRUE(is_refused());
    EXPECT_TRUE(fs::exists(settings.data / "jobs/thesis/chapter.txt"));
    EXPECT_EQ(fs::status(settings.data).permissions(), fs::perms(0755));
}

TEST_F(HousekeepingTest, WithoutItsDatabaseADataDirectoryIsRefusedAndKept) {
    add_job("a", std::time(nullptr));
    {
        const Service service(settings);
    }
    fs::remove(settings.data / "service.sqlite");
    EXPECT_TRUE(is_refused());
    EXPECT_TRUE(fs::exists(settings.data / "jobs/a/model.cft"));
}

TEST_F(HousekeepingTest, AStartThatWasInterruptedIsNoReasonToRefuse) {
    fs::create_directories(settings.data / "jobs");
    fs::create_directories(settings.data / "incoming");
    fs::create_directories(settings.data / "removed");
    std::ofstream(settings.data / ".lock").flush();
    EXPECT_FALSE(is_refused());
}

TEST_F(HousekeepingTest, WhatNoRecordKnowsIsPutAsideAndNotDeleted) {
    add_job("a", std::time(nullptr));
    for (const char* part : {"jobs", "incoming"}) {
        fs::create_directories(settings.data / part / "strange");
        std::ofstream(settings.data / part / "strange/file") << part;
    }
    const Service service(settings);
    EXPECT_TRUE(fs::exists(settings.data / "jobs/a/model.cft"));
    EXPECT_FALSE(fs::exists(settings.data / "jobs/strange"));
    EXPECT_FALSE(fs::exists(settings.data / "incoming/strange"));
    const auto lost = entries("lost");
    ASSERT_EQ(lost.size(), 2U);
    for (const fs::path& path : lost) {
        EXPECT_TRUE(fs::exists(path / "file")) << path;
    }
}

TEST_F(HousekeepingTest, ADeletionThatWasInterruptedIsFinished) {
    add_job("a", std::time(nullptr));
    add_job("b", std::time(nullptr));
    fs::create_directories(settings.data / "removed");
    fs::rename(settings.data / "jobs/a", settings.data / "removed/a.1234");
    fs::create_directories(settings.data / "removed/b.1234");  // of an earlier one of that id
    const Service service(settings);
    EXPECT_TRUE(entries("removed").empty());
    EXPECT_THROW(service.job("alice", "a"), Refusal);
    EXPECT_EQ(service.job("alice", "b").record.id, "b");
    EXPECT_TRUE(fs::exists(settings.data / "jobs/b/model.cft"));
}

TEST_F(HousekeepingTest, ADeletedJobLeavesNothing) {
    add_job("a", std::time(nullptr));
    fs::create_directories(settings.data / "incoming/a");
    std::ofstream(settings.data / "incoming/a/part") << "x";
    // A job can make a directory that nobody may read.
    fs::create_directories(settings.data / "jobs/a/deep/deeper");
    fs::permissions(settings.data / "jobs/a/deep", fs::perms::none);
    Service service(settings);
    service.remove("alice", "a");
    for (const char* part : {"jobs", "incoming", "removed"}) {
        EXPECT_TRUE(entries(part).empty()) << part;
    }
    EXPECT_FALSE(fs::exists(settings.data / "lost"));
}

// Deeper than there are descriptors, and than a path can be long.
TEST_F(HousekeepingTest, ADirectoryOfAnyDepthIsDeleted) {
    add_job("a", std::time(nullptr));
    constexpr int depth = 600;
    const std::string name(100, 'd');
    FileDescriptor at(::open((settings.data / "jobs/a").c_str(), O_PATH | O_CLOEXEC));
    for (int i = 0; i < depth; ++i) {
        ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
        at = FileDescriptor(::openat(at.get(), name.c_str(), O_PATH | O_CLOEXEC));
    }
    at = FileDescriptor();
    Service service(settings);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{200, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    service.remove("alice", "a");
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(entries("removed").empty());
    EXPECT_TRUE(entries("jobs").empty());
}

TEST_F(HousekeepingTest, ADeletionThatTheDatabaseRefusesLeavesTheJobAsItWas) {
    add_job("a", std::time(nullptr));
    Service service(settings);
    {
        Database database(settings.data / "service.sqlite");
        database.execute(
            "CREATE TABLE pins (job TEXT REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED)");
        database.execute("INSERT INTO pins VALUES ('a')");
    }
    EXPECT_THROW(service.remove("alice", "a"), Error);  // when it commits
    EXPECT_TRUE(fs::exists(settings.data / "jobs/a/model.cft"));
    EXPECT_EQ(service.job("alice", "a").record.id, "a");
}

TEST_F(HousekeepingTest, RetentionRemovesWhatIsOldAndNothingElse) {
    add_job("old", 1);
    add_job("new", std::time(nullptr));
    Service service(settings);
    wait_until(
        [&] { return !fs::exists(settings.data / "jobs/old") && entries("removed").empty(); });
    EXPECT_THROW(service.job("alice", "old"), Refusal);
    EXPECT_EQ(service.job("alice", "new").record.id, "new");
}

TEST_F(HousekeepingTest, ARemovalThatFailsIsTriedAgainSeldom) {
    add_job("old", 1);
    {
        Database database(settings.data / "service.sqlite");
        database.execute(
            "CREATE TABLE pins (job TEXT REFERENCES jobs(id) DEFERRABLE INITIALLY DEFERRED)");
        database.execute("INSERT INTO pins VALUES ('old')");
    }
    Service service(settings);
    constexpr std::int64_t entries_of_one_try = 3;  // the start, the deletion, that it was not done
    wait_until([&] { return service.audit().head().sequence == entries_of_one_try; });
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // housekeeping comes again
    EXPECT_EQ(service.audit().head().sequence, entries_of_one_try);
}

TEST_F(HousekeepingTest, WithoutRetentionNothingIsRemoved) {
    add_job("old", 1);
    settings.retention_hours = 0;
    Service service(settings);
    wait_until([&] { return fs::exists(settings.data / "ballast"); });  // housekeeping was done
    EXPECT_EQ(service.job("alice", "old").record.id, "old");
}

TEST_F(HousekeepingTest, BytesThatComeAreAChangeOfAJob) {
    add_job("a", 1);
    {
        Store store(settings.data / "service.sqlite");
        store.put_file("a", {.name = "training_data.cft"});
        Database(settings.data / "service.sqlite")
            .execute("UPDATE files SET max_bytes = 100000000");
    }
    settings.retention_hours = 0;
    Service service(settings);
    static const Digest digest{};
    Upload upload = service.upload(
        "alice", {.id = "a", .name = "training_data.cft", .bytes = 100'000'000, .sha256 = digest});
    Database(settings.data / "service.sqlite").execute("UPDATE jobs SET changed = 1");
    const std::vector<std::uint8_t> chunk(largest_chunk, 1);
    const auto is_old = [&] {
        return Store(settings.data / "service.sqlite").expired(2).size() == 1;
    };
    for (std::uint64_t offset = 0; offset < 3 * chunk.size(); offset += chunk.size()) {
        upload.append(offset, chunk);
    }
    EXPECT_TRUE(is_old());
    upload.append(3 * chunk.size(), chunk);
    EXPECT_FALSE(is_old());
}

TEST_F(HousekeepingTest, PartsOfPostsThatNobodyGoesOnWithAreForgotten) {
    add_job("charter", std::time(nullptr), JobKind::charter);
    const IncomingFiles incoming(settings.data / "incoming");
    const auto begin = [&](const std::string& client, std::chrono::hours age) {
        const FileRecord part{
            .name = part_name("messages/x.msg", client), .bytes = 10, .sha256 = "of " + client};
        Store(settings.data / "service.sqlite").put_file("charter", part);
        const fs::path path = incoming.path("charter", part);
        fs::create_directories(path.parent_path());
        std::ofstream(path) << "x";
        fs::last_write_time(path, fs::file_time_type::clock::now() - age);
        return path;
    };
    const fs::path old = begin("bob", std::chrono::hours(30));
    const fs::path young = begin("alice", std::chrono::hours(20));
    const Service service(settings);
    wait_until([&] { return service.files("alice", "charter").size() == 1 && !fs::exists(old); });
    EXPECT_TRUE(fs::exists(young));
    const Store store(settings.data / "service.sqlite");
    wait_until([&] { return store.files("charter").size() == 1; });
    EXPECT_EQ(store.files("charter").at(0).name, part_name("messages/x.msg", "alice"));
    const FileView shown = service.files("alice", "charter").at(0);
    EXPECT_EQ(shown.record.name, "messages/x.msg");
    EXPECT_EQ(shown.received, 1U);
}

TEST_F(HousekeepingTest, RoomIsKeptToDeleteJobsOnAFullDisk) {
    add_job("a", std::time(nullptr));
    Service service(settings);
    const fs::path ballast = settings.data / "ballast";
    wait_until([&] { return fs::exists(ballast); });
    struct stat status{};
    ASSERT_EQ(::stat(ballast.c_str(), &status), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), Ballast::bytes);
    free = 0;
    service.remove("alice", "a");
    EXPECT_FALSE(fs::exists(ballast));
    free = std::uint64_t{1} << 30U;
    wait_until([&] { return fs::exists(ballast); });
}

TEST_F(HousekeepingTest, AKeptFileOfHolesIsFilled) {
    add_job("a", std::time(nullptr));
    const fs::path ballast = settings.data / "ballast";
    std::ofstream(ballast).flush();
    fs::resize_file(ballast, Ballast::bytes);
    const Service service(settings);
    wait_until([&] {
        struct stat status{};
        return ::stat(ballast.c_str(), &status) == 0 &&
               static_cast<std::uint64_t>(status.st_blocks) * 512 >= Ballast::bytes;
    });
}

}  // namespace
}  // namespace cipherfit::service
