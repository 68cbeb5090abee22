#include "cipherfit/io/file.h"

#include "io/test_files.h"

#include <optional>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace cipherfit {
namespace {

using testing::bytes_of;
using testing::fails_with;
using testing::FileTest;

class AtomicFileTest : public FileTest {};
class ReadFileTest : public FileTest {};
class DirectoryLockTest : public FileTest {};

TEST_F(AtomicFileTest, WritesAllBytesInPiecesOfAnySize) {
    std::string expected;
    auto file = AtomicFile::create(path("a"));
    ASSERT_TRUE(file);
    // Around the size of the internal buffer (2^16): gathered, passed through, and both mixed.
    for (const std::size_t size : {0, 1, 7, 65535, 65536, 65537, 3, 200000, 5}) {
        const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
        ASSERT_TRUE(file->write(bytes_of(piece)));
        expected += piece;
        EXPECT_EQ(file->bytes_written(), expected.size());
    }
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(get("a"), expected);
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(AtomicFileTest, NothingIsVisibleBeforeCommitAndNothingRemainsWhenAbandoned) {
    put("a", "old");
    {
        auto file = AtomicFile::create(path("a"));
        ASSERT_TRUE(file);
        ASSERT_TRUE(file->write(bytes_of("new")));
        EXPECT_EQ(get("a"), "old");
    }
    EXPECT_EQ(get("a"), "old");
    EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(AtomicFileTest, AMovedFileIsRemovedOnce) {
    {
        auto file = AtomicFile::create(path("a"));
        ASSERT_TRUE(file);
        const AtomicFile moved = std::move(*file);
        EXPECT_EQ(names().size(), 1U);
    }
    EXPECT_TRUE(names().empty());
}

TEST_F(AtomicFileTest, ReplacesUnlessExclusive) {
    put("a", "old");
    EXPECT_TRUE(fails_with(AtomicFile::create(path("a"), {.exclusive = true}),
                           ErrorCode::io_failure, "exists already"));
    ASSERT_TRUE(write_file(path("a"), bytes_of("new")));
    EXPECT_EQ(get("a"), "new");
}

TEST_F(AtomicFileTest, ExclusiveNoticesAFileThatAppearsMeanwhile) {
    auto file = AtomicFile::create(path("a"), {.exclusive = true});
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write(bytes_of("mine")));
    put("a", "theirs");
    EXPECT_TRUE(fails_with(file->commit(), ErrorCode::io_failure, "exists already"));
    EXPECT_EQ(get("a"), "theirs");
    EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(AtomicFileTest, TheModeIsNeverWiderThanAsked) {
    const mode_t before = umask(0);
    ASSERT_TRUE(write_file(path("secret"), bytes_of("s"), {.mode = 0600}));
    umask(before);
    struct stat status{};
    ASSERT_EQ(stat(path("secret").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(AtomicFileTest, ErrorsNameThePathAndTheReason) {
    EXPECT_TRUE(fails_with(AtomicFile::create(path("no/such/a")), ErrorCode::io_failure,
                           path("no/such/a").string() + ": cannot create: No such file"));
    EXPECT_TRUE(fails_with(AtomicFile::create("/dev/full"), ErrorCode::io_failure,
                           "/dev/full: cannot write: not a regular file"));
    EXPECT_TRUE(
        fails_with(AtomicFile::create(directory_), ErrorCode::io_failure, "not a regular file"));
    EXPECT_TRUE(fails_with(AtomicFile::create(""), ErrorCode::io_failure, "not the name"));
}

// A full disk, played by a file size limit in a child process. The child's exit status says what
// went wrong: 0 for the right behaviour.
int write_beyond_the_limit(const std::filesystem::path& target) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100000, 100000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    auto file = AtomicFile::create(target);
    const std::vector<std::uint8_t> bytes(70000, 1);
    if (!file || !file->write(bytes)) {
        return 2;
    }
    const auto failed = file->write(bytes);
    if (!fails_with(failed, ErrorCode::io_failure, target.string() + ": cannot write: File too")) {
        return 3;
    }
    // The failure stays.
    return file->commit() || file->write(bytes) ? 4 : 0;
}

TEST_F(AtomicFileTest, AFullDiskLeavesTheOldFileAndNoPartialOne) {
    put("a", "old");
    const pid_t child = fork();
    if (child == 0) {
        _exit(write_beyond_the_limit(path("a")));
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(get("a"), "old");
    // The child left by _exit, without destructors: the failure itself had removed the file.
    EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(AtomicFileTest, UseAfterCommitIsMisuse) {
    auto file = AtomicFile::create(path("a"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->commit());
    EXPECT_THROW((void)file->write(bytes_of("x")), Error);
    EXPECT_THROW((void)file->commit(), Error);
    EXPECT_EQ(get("a"), "");
}

TEST_F(ReadFileTest, ReadsUpToTheBoundAndNoMore) {
    put("a", "12345");
    const auto whole = read_file(path("a"), 5);
    ASSERT_TRUE(whole);
    EXPECT_EQ(std::string(whole->begin(), whole->end()), "12345");
    EXPECT_TRUE(
        fails_with(read_file(path("a"), 4), ErrorCode::bad_input, "has 5 bytes; at most 4"));
}

TEST_F(ReadFileTest, RefusesWhatIsNoRegularFile) {
    ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_TRUE(fails_with(read_file(path("pipe"), 9), ErrorCode::io_failure, "not a regular"));
    EXPECT_TRUE(fails_with(read_file(directory_, 9), ErrorCode::io_failure, "is a directory"));
    EXPECT_TRUE(fails_with(read_file(path("none"), 9), ErrorCode::io_failure,
                           path("none").string() + ": cannot open: No such file"));
}

TEST_F(ReadFileTest, ASourceRefusesRangesBeyondItsEnd) {
    put("a", "12345");
    auto source = FileSource::open(path("a"));
    ASSERT_TRUE(source);
    std::vector<std::uint8_t> out(3);
    EXPECT_TRUE((*source)->read_at(2, out));
    EXPECT_EQ(out, (std::vector<std::uint8_t>{'3', '4', '5'}));
    EXPECT_TRUE(fails_with((*source)->read_at(3, out), ErrorCode::corrupt_data, "ends at byte 5"));
    EXPECT_TRUE(
        fails_with((*source)->read_at(~0ULL, out), ErrorCode::corrupt_data, "ends at byte 5"));
    std::filesystem::resize_file(path("a"), 1);
    EXPECT_TRUE(fails_with((*source)->read_at(0, out), ErrorCode::io_failure, "became shorter"));
}

TEST_F(DirectoryLockTest, ASecondHolderIsToldWhoTheFirstIs) {
    auto first = DirectoryLock::acquire(directory_);
    ASSERT_TRUE(first);
    EXPECT_TRUE(fails_with(DirectoryLock::acquire(directory_), ErrorCode::busy,
                           fmt::format("(process {})", static_cast<long>(getpid()))));
    std::optional<DirectoryLock> moved(std::move(*first));
    EXPECT_FALSE(DirectoryLock::acquire(directory_));
    moved.reset();
    EXPECT_TRUE(DirectoryLock::acquire(directory_));
}

TEST_F(DirectoryLockTest, AnotherProcessIsKeptOutUntilTheHolderEnds) {
    std::optional<DirectoryLock> held(value_or_throw(DirectoryLock::acquire(directory_)));
    const auto in_child = [&] {
        const pid_t child = fork();
        if (child == 0) {
            const auto lock = DirectoryLock::acquire(directory_);
            _exit(lock ? 0 : static_cast<int>(lock.error().code));
        }
        int status = 0;
        waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    };
    EXPECT_EQ(in_child(), static_cast<int>(ErrorCode::busy));
    held.reset();
    EXPECT_EQ(in_child(), 0);
    // The child's end released it.
    EXPECT_TRUE(DirectoryLock::acquire(directory_));
}

TEST_F(DirectoryLockTest, AMissingDirectoryIsAnIoFailure) {
    EXPECT_TRUE(fails_with(DirectoryLock::acquire(path("none")), ErrorCode::io_failure,
                           "cannot open: No such file"));
}

}  // namespace
}  // namespace cipherfit
