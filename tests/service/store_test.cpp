#include "service/store.h"

#include "cipherfit/base/error.h"
#include "service/temporary_home.h"

#include <ctime>
#include <filesystem>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

class StoreTest : public service_test::TemporaryHome {
  protected:
    static JobRecord job(const std::string& id, const std::string& owner = "alice") {
        JobRecord made;
        made.id = id;
        made.owner = owner;
        made.plan_digest = "plan of " + id;
        made.cost.disk_bytes = 100;
        made.created = 1;
        return made;
    }
};

TEST_F(StoreTest, KeepsJobsFilesAndUsageOverARestart) {
    {
        Store store(home / "db");
        EXPECT_TRUE(store.add_job(job("1"), {{.name = "keys", .max_bytes = 50}}, {"bob"}));
        EXPECT_FALSE(store.add_job(job("1"), {}));
        store.put_file("1", {.name = "keys", .bytes = 40, .sha256 = "ab", .complete = true});
        store.put_file("none", {.name = "keys", .bytes = 40, .sha256 = "ab"});
        store.add_usage("alice", 100, 5);
    }
    Store store(home / "db");
    EXPECT_EQ(store.job("1")->plan_digest, "plan of 1");
    EXPECT_EQ(store.find_job("alice", "plan of 1", "")->id, "1");
    const auto file = store.file("1", "keys");
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(file->bytes, 40U);
    EXPECT_EQ(file->max_bytes, 50U);
    EXPECT_TRUE(file->complete);
    EXPECT_TRUE(store.is_member("1", "bob"));
    EXPECT_FALSE(store.is_member("1", "carol"));
    EXPECT_EQ(store.usage("alice", 0).bytes, 100U);  // what it is predicted to take
    EXPECT_EQ(store.usage("alice", 0).seconds, 5);
    EXPECT_EQ(store.usage("alice", 101).seconds, 0);
    EXPECT_EQ(store.promised_bytes(), 60U);
    store.remove_job("1");
    EXPECT_TRUE(store.files("1").empty());  // by its foreign key
    EXPECT_EQ(store.usage("alice", 0).jobs, 0U);
}

TEST_F(StoreTest, MovesAJobOnlyFromTheStatesThatAreNamed) {
    Store store(home / "db");
    store.add_job(job("1"), {});
    EXPECT_FALSE(store.move("1", {JobState::queued}, JobState::running));
    EXPECT_TRUE(store.enqueue("1", {JobState::uploading}));
    EXPECT_FALSE(store.enqueue("1", {JobState::uploading}));
    EXPECT_FALSE(store.ask_cancel("1"));
    EXPECT_TRUE(store.move("1", {JobState::queued}, JobState::running));
    EXPECT_TRUE(store.move("1", {JobState::running}, JobState::failed, "why"));
    EXPECT_EQ(store.job("1")->reason, "why");
    EXPECT_GT(store.job("1")->finished, 0);
    EXPECT_TRUE(store.enqueue("1", {JobState::failed}));
    EXPECT_EQ(store.job("1")->reason, "");
    EXPECT_EQ(store.job("1")->finished, 0);
}

TEST_F(StoreTest, ARestartQueuesWhatRanFirstAndEndsWhatWasCancelled) {
    Store store(home / "db");
    for (const char* id : {"1", "2", "3"}) {
        store.add_job(job(id), {});
        store.enqueue(id, {JobState::uploading});
    }
    store.move("1", {JobState::queued}, JobState::running);
    store.move("3", {JobState::queued}, JobState::running);
    EXPECT_TRUE(store.ask_cancel("3"));
    store.requeue_running();
    const auto queued = store.jobs_in({JobState::queued});
    ASSERT_EQ(queued.size(), 2U);
    EXPECT_EQ(queued[0].id, "1");
    EXPECT_EQ(queued[1].id, "2");
    EXPECT_EQ(store.job("3")->state, JobState::cancelled);
}

TEST_F(StoreTest, ListsTheNewestFirstAndWhatIsOver) {
    Store store(home / "db");
    for (const char* id : {"1", "2", "3"}) {
        store.add_job(job(id), {});
    }
    store.add_job(job("4", "bob"), {});
    const auto two = store.jobs_of("alice", "", 2);
    ASSERT_EQ(two.size(), 2U);
    EXPECT_EQ(two[0].id, "3");
    EXPECT_EQ(store.jobs_of("alice", "2", 9).at(0).id, "1");
    EXPECT_TRUE(store.jobs_of("bob", "3", 9).empty());  // says nothing of another's job
    EXPECT_TRUE(store.expired(1).empty());
    EXPECT_EQ(store.expired(2).size(), 4U);  // made long ago and never started
}

TEST_F(StoreTest, RetentionCountsFromTheLastChange) {
    Store store(home / "db");
    JobRecord charter = job("charter");
    charter.kind = JobKind::charter;
    store.add_job(charter, {});
    for (const char* id : {"untouched", "touched", "sent", "over", "waits"}) {
        store.add_job(job(id), {});
    }
    store.put_file("sent", {.name = "keys", .bytes = 40, .sha256 = "ab"});
    store.touch("touched");
    store.enqueue("over", {JobState::uploading});
    store.move("over", {JobState::queued}, JobState::failed, "why");
    store.enqueue("waits", {JobState::uploading});
    store.move("waits", {JobState::queued}, JobState::awaiting_review, "", 1);
    const auto long_ago = store.expired(2);
    ASSERT_EQ(long_ago.size(), 1U);
    EXPECT_EQ(long_ago[0].id, "untouched");
    const std::int64_t later = store.job("over")->finished + 1000;
    EXPECT_EQ(store.expired(later).size(), 5U);  // all but the charter
    // One that was started too early goes on waiting; one that has succeeded is over.
    store.enqueue("charter", {JobState::uploading});
    store.move("charter", {JobState::queued}, JobState::failed, "a signature is missing");
    EXPECT_EQ(store.expired(later).size(), 5U);
    store.enqueue("charter", {JobState::failed});
    store.move("charter", {JobState::queued}, JobState::succeeded);
    EXPECT_EQ(store.expired(later).size(), 6U);
}

TEST_F(StoreTest, RetentionLooksAgainBeforeItRemoves) {
    Store store(home / "db");
    for (const char* id : {"untouched", "touched", "started"}) {
        store.add_job(job(id), {});
    }
    ASSERT_EQ(store.expired(2).size(), 3U);
    store.touch("touched");
    store.enqueue("started", {JobState::uploading});
    int taken_away = 0;
    const auto take = [&] { ++taken_away; };
    const std::int64_t later = std::time(nullptr) + 1000;
    EXPECT_FALSE(store.remove_job("touched", 2, take));
    EXPECT_FALSE(store.remove_job("started", later, take));
    EXPECT_EQ(taken_away, 0);
    EXPECT_TRUE(store.remove_job("untouched", 2, take));
    EXPECT_EQ(taken_away, 1);
    EXPECT_THROW(store.remove_job("touched", {}, [] { throw Error(ErrorCode::io_failure, ""); }),
                 Error);
    EXPECT_TRUE(store.job("touched").has_value());
    EXPECT_TRUE(store.remove_job("touched"));
    EXPECT_FALSE(store.remove_job("touched"));
}

TEST_F(StoreTest, AddsTheTimeOfTheLastChangeToADatabaseOfTheFirstVersion) {
    {
        Store store(home / "db");
        store.add_job(job("1"), {});
        store.enqueue("1", {JobState::uploading});
        store.move("1", {JobState::queued}, JobState::failed);
    }
    {
        Database database(home / "db");
        database.execute("ALTER TABLE jobs DROP COLUMN changed");
        database.execute("PRAGMA user_version = 1");
    }
    const Store store(home / "db");
    const std::int64_t finished = store.job("1")->finished;
    EXPECT_TRUE(store.expired(finished).empty());
    EXPECT_EQ(store.expired(finished + 1).size(), 1U);
}

TEST_F(StoreTest, APostTakesThePlaceOfAllItsParts) {
    Store store(home / "db");
    JobRecord charter = job("1");
    charter.kind = JobKind::charter;
    store.add_job(charter, {});
    const std::string name = "messages/a.msg";
    for (const std::string& part :
         {part_name(name, "alice"), part_name(name, "bob"), part_name("messages/a.msg2", "bob")}) {
        store.put_file("1", {.name = part, .bytes = 400, .sha256 = "ab"});
    }
    EXPECT_EQ(store.usage("alice", 0).bytes, 100U);  // parts are not counted
    store.put_post("1", {.name = name, .bytes = 300, .sha256 = "ab", .complete = true});
    const auto files = store.files("1");
    ASSERT_EQ(files.size(), 2U);
    EXPECT_EQ(files[0].name, name);
    EXPECT_EQ(plain_name(files[1].name), "messages/a.msg2");
    EXPECT_EQ(store.usage("alice", 0).bytes, 300U);
}

TEST_F(StoreTest, AJobThatIsNotOverCountsAsWhatItIsPredictedToTake) {
    Store store(home / "db");
    for (const char* id : {"1", "2"}) {
        store.add_job(job(id), {{.name = "keys", .max_bytes = 50}});
        store.put_file(id, {.name = "keys", .bytes = 40, .sha256 = "ab", .complete = true});
    }
    EXPECT_EQ(store.usage("alice", 0).bytes, 200U);
    store.enqueue("1", {JobState::uploading});
    store.move("1", {JobState::queued}, JobState::failed);
    EXPECT_EQ(store.usage("alice", 0).bytes, 140U);
    store.put_file("2", {.name = "keys", .bytes = 140, .sha256 = "ab", .complete = true});
    EXPECT_EQ(store.usage("alice", 0).bytes, 180U);
}

TEST_F(StoreTest, ACharterIsOpenUntilItHasSucceeded) {
    Store store(home / "db");
    JobRecord charter = job("1");
    charter.kind = JobKind::charter;
    store.add_job(charter, {});
    store.enqueue("1", {JobState::uploading});
    store.move("1", {JobState::queued}, JobState::failed, "a message is missing");
    EXPECT_EQ(store.usage("alice", 0).bytes, 100U);
    EXPECT_EQ(store.promised_bytes(), 100U);
    store.enqueue("1", {JobState::failed});
    store.move("1", {JobState::queued}, JobState::succeeded);
    EXPECT_EQ(store.usage("alice", 0).bytes, 0U);
    EXPECT_EQ(store.promised_bytes(), 0U);
}

TEST_F(StoreTest, TheNotedEndOfTheAuditLogIsReadWithoutAChange) {
    {
        Store store(home / "db");
        store.put_audit_head(7, "ab");
    }
    const auto before = std::filesystem::last_write_time(home / "db");
    EXPECT_EQ(noted_audit_head(home / "db"), std::pair(std::int64_t{7}, std::string("ab")));
    EXPECT_EQ(std::filesystem::last_write_time(home / "db"), before);
    EXPECT_THROW(noted_audit_head(home / "none"), Error);
    EXPECT_FALSE(std::filesystem::exists(home / "none"));
}

TEST_F(StoreTest, RefusesADatabaseOfALaterVersion) {
    {
        const Store store(home / "db");
    }
    {
        Database database(home / "db");
        database.execute("PRAGMA user_version = 99");
    }
    try {
        const Store store(home / "db");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported_version);
    }
}

}  // namespace
}  // namespace cipherfit::service
