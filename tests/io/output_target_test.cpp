// Outputs that a user named: what links and devices lead to is written to, and nothing replaces
// them.
#include "cipherfit/io/file.h"
#include "io/test_files.h"

#include <array>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

using testing::bytes_of;
using testing::fails_with;
using testing::FileTest;

constexpr AtomicFileOptions named{.exclusive = false, .mode = 0600, .named_by_user = true};

class NamedOutputTest : public FileTest {
  protected:
    // The bytes that come out of a descriptor until its other end is closed.
    static std::string drain(int descriptor) {
        std::string text;
        char c = 0;
        while (::read(descriptor, &c, 1) == 1) {
            text += c;
        }
        return text;
    }
};

TEST_F(NamedOutputTest, ReplacesTheFileBehindLinksAndKeepsThem) {
    fs::create_directory(path("folder"));
    put("folder/file", "old");
    fs::create_symlink("folder/file", path("relative"));
    fs::create_symlink(path("relative"), path("absolute"));
    ASSERT_TRUE(write_file(path("absolute"), bytes_of("new"), named));
    EXPECT_EQ(get("folder/file"), "new");
    EXPECT_EQ(fs::read_symlink(path("absolute")), path("relative"));
    EXPECT_EQ(fs::read_symlink(path("relative")), "folder/file");
    EXPECT_EQ(names().size(), 3U);
}

TEST_F(NamedOutputTest, MakesTheFileThatALinkLeadsTo) {
    fs::create_symlink("later", path("link"));
    ASSERT_TRUE(write_file(path("link"), bytes_of("x"), named));
    EXPECT_EQ(get("later"), "x");
    EXPECT_TRUE(fs::is_symlink(path("link")));
}

TEST_F(NamedOutputTest, OtherFilesStillReplaceLinks) {
    put("file", "kept");
    fs::create_symlink("file", path("link"));
    ASSERT_TRUE(write_file(path("link"), bytes_of("x")));
    EXPECT_EQ(get("file"), "kept");
    EXPECT_FALSE(fs::is_symlink(path("link")));
}

TEST_F(NamedOutputTest, WritesToDevicesAndPipes) {
    EXPECT_TRUE(write_file("/dev/null", bytes_of("x"), named));
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
    fs::create_symlink("/dev/null", path("null"));
    EXPECT_TRUE(write_file(path("null"), bytes_of("x"), named));
    EXPECT_TRUE(fails_with(write_file("/dev/full", bytes_of("x"), named), ErrorCode::io_failure,
                           "/dev/full: cannot write: No space left on device"));
    ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
    std::string text;
    std::thread reader([&] {
        const FileDescriptor opened(::open(path("fifo").c_str(), O_RDONLY));
        text = drain(opened.get());
    });
    const std::string sent(200'000, 'a');
    EXPECT_TRUE(write_file(path("fifo"), bytes_of(sent), named));
    reader.join();
    EXPECT_EQ(text, sent);
    EXPECT_TRUE(fs::is_fifo(path("fifo")));
}

TEST_F(NamedOutputTest, AReaderThatHasEnoughIsNoError) {
    const auto before = signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    ::close(pipe[0]);
    const FileDescriptor writing(pipe[1]);
    const fs::path number = fmt::format("/proc/self/fd/{}", writing.get());
    EXPECT_TRUE(write_file(number, bytes_of(std::string(200'000, 'a')), named));
    signal(SIGPIPE, before);
}

TEST_F(NamedOutputTest, WritesToOpenFilesWhereTheyAre) {
    const FileDescriptor opened(::open(path("file").c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_TRUE(opened.valid());
    ASSERT_EQ(::write(opened.get(), "before ", 7), 7);
    const fs::path number = fmt::format("/proc/self/fd/{}", opened.get());
    fs::create_symlink(number, path("link"));
    ASSERT_TRUE(write_file(path("link"), bytes_of("through "), named));
    ASSERT_TRUE(write_file(number, bytes_of("twice"), named));
    ASSERT_EQ(::write(opened.get(), " after", 6), 6);
    EXPECT_EQ(get("file"), "before through twice after");
    EXPECT_TRUE(is_open_file(path("link")));
    EXPECT_FALSE(is_open_file(path("file")));
    const FileDescriptor reading(::open(path("file").c_str(), O_RDONLY));
    EXPECT_FALSE(check_writable(fmt::format("/proc/self/fd/{}", reading.get())));
    EXPECT_FALSE(write_file("/proc/self/fd/999", bytes_of("x"), named));
}

TEST_F(NamedOutputTest, TellsWhetherAnOutputCanBeWritten) {
    EXPECT_TRUE(check_writable(path("new")));
    put("old", "kept");
    EXPECT_TRUE(check_writable(path("old")));
    EXPECT_EQ(get("old"), "kept");
    EXPECT_TRUE(check_writable("/dev/null"));
    EXPECT_EQ(names(), (std::vector<std::string>{"old"}));
    EXPECT_TRUE(fails_with(check_writable("/dev/full"), ErrorCode::io_failure, "No space left"));
    EXPECT_TRUE(fails_with(check_writable(path("none/new")), ErrorCode::io_failure, "none/new"));
    EXPECT_TRUE(fails_with(check_writable(path(".")), ErrorCode::io_failure, "is a directory"));
    EXPECT_TRUE(fails_with(check_writable(path("old/new")), ErrorCode::io_failure, "old/new"));
    fs::create_symlink("circle", path("circle"));
    EXPECT_TRUE(fails_with(check_writable(path("circle")), ErrorCode::io_failure, "circle"));
}

class StaleFileTest : public FileTest {};

TEST_F(StaleFileTest, LeftoversGoAndFilesThatAreBeingWrittenStay) {
    put(".cipherfit-0123.tmp", "left");
    put("other.tmp", "mine");
    fs::create_symlink("other.tmp", path(".cipherfit-link.tmp"));
    fs::create_directory(path(".cipherfit-folder.tmp"));
    auto file = AtomicFile::create(path("a"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write(bytes_of("x")));
    remove_stale_files(path("."));
    EXPECT_FALSE(fs::exists(path(".cipherfit-0123.tmp")));
    EXPECT_EQ(get("other.tmp"), "mine");
    EXPECT_TRUE(fs::exists(path(".cipherfit-folder.tmp")));
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(get("a"), "x");
    remove_stale_files(path("none"));
}

TEST_F(StaleFileTest, WritersAndCleanersOfOneDirectoryDoNotDisturbEachOther) {
    std::atomic<bool> done{false};
    std::thread cleaner([&] {
        while (!done) {
            remove_stale_files(path("."));
        }
    });
    for (int i = 0; i < 300; ++i) {
        const std::string text = std::to_string(i);
        EXPECT_TRUE(write_file(path("a"), bytes_of(text)));
        EXPECT_EQ(get("a"), text);
    }
    done = true;
    cleaner.join();
}

}  // namespace
}  // namespace cipherfit
