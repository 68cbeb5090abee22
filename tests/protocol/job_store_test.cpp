// The store of a job in a directory.
#include "cipherfit/protocol/job_store.h"

#include "cipherfit/protocol/job_files.h"
#include "io/test_files.h"
#include "support/errors.h"

#include <filesystem>
#include <string>
#include <vector>

namespace cipherfit::testing {
namespace {

namespace fs = std::filesystem;
using test::throws;

class JobStoreTest : public FileTest {
  protected:
    DirectoryStore store() const { return DirectoryStore(directory_); }
    static void write(JobStore& store, std::string_view name, const std::string& text,
                      bool commit = true) {
        const auto sink = value_or_throw(store.put(name));
        value_or_throw(
            sink->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
        if (commit) {
            value_or_throw(sink->commit());
        }
    }
    static std::string read(const JobStore& store, std::string_view name) {
        const auto source = value_or_throw(store.get(name));
        std::string text(static_cast<std::size_t>(source->size()), '\0');
        value_or_throw(
            source->read_at(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
        return text;
    }
};

TEST_F(JobStoreTest, ContentsAppearWholeUnderTheirNames) {
    DirectoryStore job = store();
    EXPECT_FALSE(job.exists(contents::model));
    EXPECT_FALSE(job.get(contents::model).has_value());
    write(job, contents::model, "half", false);
    EXPECT_FALSE(job.exists(contents::model));
    EXPECT_TRUE(fs::is_empty(directory_));
    write(job, contents::model, "first");
    write(job, contents::model, "second");
    EXPECT_EQ(read(job, contents::model), "second");
    EXPECT_EQ(get("model.cft"), "second");
    EXPECT_EQ(value_or_throw(content_bytes(job, contents::model)), 6U);
    EXPECT_EQ(job.label(contents::model), (directory_ / "model.cft").string());
    value_or_throw(job.remove(contents::model));
    value_or_throw(job.remove(contents::model));  // it is gone already
    EXPECT_FALSE(job.exists(contents::model));
}

TEST_F(JobStoreTest, FoldersAreMadeAndListed) {
    DirectoryStore job = store();
    write(job, contents::batch(1), "b");
    write(job, contents::batch(0), "a");
    write(job, contents::plan, "p");
    put(".lock", "");
    put("Notes.txt", "somebody's own");
    EXPECT_EQ(value_or_throw(job.list()),
              (std::vector<std::string>{"batches/batch_00000.cft", "batches/batch_00001.cft",
                                        "plan.cft"}));
    EXPECT_EQ(value_or_throw(job.list(contents::batches)).size(), 2U);
    EXPECT_TRUE(value_or_throw(job.list(contents::checkpoints)).empty());
    EXPECT_FALSE(DirectoryStore(directory_ / "none").list().has_value());
}

TEST_F(JobStoreTest, ACopyKeepsItsBytesWhenTheFirstIsReplaced) {
    DirectoryStore job = store();
    write(job, contents::checkpoint, "one");
    value_or_throw(job.copy(contents::checkpoint, contents::kept_checkpoint(1)));
    write(job, contents::checkpoint, "two");
    EXPECT_EQ(read(job, contents::kept_checkpoint(1)), "one");
    value_or_throw(job.copy(contents::checkpoint, contents::kept_checkpoint(1)));
    EXPECT_EQ(read(job, contents::kept_checkpoint(1)), "two");
    EXPECT_FALSE(job.copy(contents::model, contents::kept_checkpoint(2)).has_value());
}

TEST_F(JobStoreTest, NamesLeadNowhereElse) {
    DirectoryStore job = store();
    for (const std::string name :
         {"", ".", "..", "../plan.cft", "/plan.cft", "a/../b", "a/b/c", "a/", "/", "a//b", ".lock",
          "a/.lock", "Plan.cft", "plan cft", "plan\n", "\xc3\xa4"}) {
        EXPECT_FALSE(is_content_name(name)) << name;
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"name"}, [&] {
            static_cast<void>(job.put(name));
        })) << name;
        EXPECT_TRUE(throws(ErrorCode::invalid_argument, {"name"}, [&] {
            static_cast<void>(job.get(name));
        })) << name;
    }
    EXPECT_FALSE(is_content_name(std::string(129, 'a')));
    for (const std::string& name :
         {std::string(contents::plan), contents::batch(7), contents::kept_checkpoint(12),
          contents::answer(3), std::string(contents::server_report)}) {
        EXPECT_TRUE(is_content_name(name)) << name;
        EXPECT_TRUE(is_of_training(name)) << name;
    }
    EXPECT_FALSE(is_of_training("rows.cft"));
}

TEST_F(JobStoreTest, OneSessionHoldsAJobAndSweepsIt) {
    DirectoryStore job = store();
    fs::create_directories(directory_ / "batches");
    put(".cipherfit-1234-0.tmp", "left behind");
    put("batches/.cipherfit-1234-0.tmp", "left behind");
    {
        const auto hold = value_or_throw(job.hold());
        EXPECT_TRUE(throws(ErrorCode::busy, {directory_.string()},
                           [&] { static_cast<void>(value_or_throw(store().hold())); }));
    }
    EXPECT_TRUE(job.hold().has_value());
    EXPECT_TRUE(value_or_throw(job.list()).empty());
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "batches"), {}), 0);
}

}  // namespace
}  // namespace cipherfit::testing
