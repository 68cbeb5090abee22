// What a confined process can still do. The kernel may lack a part: that is said, not hidden.
#include "service/sandbox.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <linux/capability.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

// The status of a child that is confined to the directory and then does `work`.
int confined(const std::filesystem::path& directory, const std::function<int()>& work,
             std::uint64_t memory = 0) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            static_cast<void>(confine({.directory = directory,
                                       .memory_bytes = memory,
                                       .file_bytes = 1 << 20,
                                       .parent = ::getppid()}));
            ::_exit(work());
        } catch (...) {
            ::_exit(99);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Sandbox : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "cipherfit-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        home = name;
        std::filesystem::create_directory(home / "job");
        std::filesystem::create_directory(home / "other");
        std::ofstream(home / "other/secret") << "x";
    }
    void TearDown() override { std::filesystem::remove_all(home); }

    std::filesystem::path home;
};

TEST_F(Sandbox, WritesToItsOwnDirectoryAlone) {
    const auto opens = [](const std::filesystem::path& path, int flags) {
        return [path, flags] { return ::open(path.c_str(), flags, 0600) >= 0 ? 0 : 1; };
    };
    EXPECT_EQ(confined(home / "job", opens(home / "job/file", O_CREAT | O_WRONLY)), 0);
    EXPECT_EQ(confined(home / "job", opens(home / "other/secret", O_RDONLY)), 1);
    EXPECT_EQ(confined(home / "job", opens(home / "other/new", O_CREAT | O_WRONLY)), 1);
    EXPECT_EQ(confined(home / "job", opens("/etc/passwd", O_RDONLY)), 1);
}

TEST_F(Sandbox, HasNoSocketsAndStartsNothing) {
    EXPECT_EQ(confined(home / "job", [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1; }),
              1);
    EXPECT_EQ(confined(home / "job",
                       [] {
                           ::execl("/bin/true", "true", nullptr);
                           return 1;
                       }),
              1);
}

TEST_F(Sandbox, MakesNoLinksAndNoSpecialFiles) {
    const std::string secret = (home / "other/secret").string();
    const std::string made = (home / "job/made").string();
    const auto fails = [&](const std::function<int()>& call) {
        return confined(home / "job", [&] { return call() == 0 ? 0 : 1; });
    };
    EXPECT_EQ(fails([&] { return ::symlink(secret.c_str(), made.c_str()); }), 1);
    EXPECT_EQ(fails([&] { return ::link(secret.c_str(), made.c_str()); }), 1);
    EXPECT_EQ(fails([&] { return ::mkfifo(made.c_str(), 0600); }), 1);
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(made)));
}

TEST_F(Sandbox, HasThreadsButNoProcessesAndNoSignalsForOthers) {
    const pid_t other = ::getpid();
    EXPECT_EQ(confined(home / "job",
                       [] {
                           int value = 1;
                           std::thread([&] { value = 0; }).join();
                           return value;
                       }),
              0);
    EXPECT_EQ(confined(home / "job",
                       [] {
                           const pid_t child = ::fork();
                           if (child == 0) {
                               ::_exit(0);
                           }
                           return child < 0 ? 1 : 0;
                       }),
              1);
    EXPECT_EQ(confined(home / "job",
                       [&] {
                           const siginfo_t none{};
                           const bool is_refused =
                               ::kill(other, 0) != 0 &&
                               ::syscall(SYS_tgkill, other, other, 0) != 0 &&
                               ::syscall(SYS_tkill, other, 0) != 0 &&
                               ::syscall(SYS_rt_sigqueueinfo, other, 0, &none) != 0 &&
                               ::syscall(SYS_pidfd_open, other, 0) < 0 &&
                               ::prlimit(other, RLIMIT_CORE, nullptr, nullptr) != 0 &&
                               ::setpgid(0, 0) != 0;
                           return is_refused && errno == EPERM ? 1 : 0;
                       }),
              1);
    // Its own: what abort() does.
    EXPECT_EQ(confined(home / "job",
                       [] {
                           ::raise(SIGTERM);
                           return 0;
                       }),
              128 + SIGTERM);
}

TEST_F(Sandbox, ChangesNoModesAndEmptiesNothingByName) {
    const std::string secret = (home / "other/secret").string();
    const auto fails = [&](const std::function<long()>& call) {
        return confined(home / "job", [&] { return call() != 0 && errno == EPERM ? 1 : 0; });
    };
    EXPECT_EQ(fails([&] { return ::chmod(secret.c_str(), 0777); }), 1);
    EXPECT_EQ(fails([&] { return ::fchmodat(AT_FDCWD, secret.c_str(), 0777, 0); }), 1);
    EXPECT_EQ(fails([&] { return ::syscall(452, AT_FDCWD, secret.c_str(), 0777, 0); }), 1);
    EXPECT_EQ(fails([&] { return ::truncate(secret.c_str(), 0); }), 1);
    EXPECT_EQ(std::filesystem::file_size(secret), 1U);
    // Its own, by what it has opened: what a copy does.
    EXPECT_EQ(confined(home / "job",
                       [&] {
                           const int file =
                               ::open((home / "job/own").c_str(), O_CREAT | O_WRONLY, 0600);
                           return ::fchmod(file, 0640) == 0 && ::ftruncate(file, 1) == 0 ? 0 : 1;
                       }),
              0);
}

TEST_F(Sandbox, HasNoCapabilities) {
    EXPECT_EQ(confined(home / "job",
                       [] {
                           __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
                           std::array<__user_cap_data_struct, 2> has{};
                           if (::syscall(SYS_capget, &header, has.data()) != 0) {
                               return 2;
                           }
                           return std::ranges::all_of(has,
                                                      [](const auto& part) {
                                                          return part.effective == 0 &&
                                                                 part.permitted == 0 &&
                                                                 part.inheritable == 0;
                                                      })
                                      ? 0
                                      : 1;
                       }),
              0);
}

TEST_F(Sandbox, ChoosesNoSignalAndNoReceiverForItsFiles) {
    EXPECT_EQ(confined(home / "job",
                       [] {
                           std::array<int, 2> ends{};
                           if (::pipe(ends.data()) != 0 || ::fcntl(ends[0], F_GETFL) < 0) {
                               return 2;
                           }
                           f_owner_ex owner{F_OWNER_PID, ::getppid()};
                           const bool is_refused =
                               ::fcntl(ends[0], F_SETSIG, SIGKILL) != 0 && errno == EPERM &&
                               ::syscall(SYS_fcntl, ends[0], F_SETOWN, ::getppid()) != 0 &&
                               errno == EPERM && ::fcntl(ends[0], F_SETOWN_EX, &owner) != 0 &&
                               errno == EPERM;
                           return is_refused ? 1 : 0;
                       }),
              1);
}

TEST_F(Sandbox, DiesWithTheServiceAndHidesNothingFromIt) {
    EXPECT_EQ(confined(home / "job",
                       [] {
                           const bool is_refused =
                               ::prctl(PR_SET_PDEATHSIG, 0) != 0 && errno == EPERM &&
                               ::prctl(PR_SET_DUMPABLE, 0) != 0 && errno == EPERM;
                           return is_refused && ::prctl(PR_SET_NAME, "job") == 0 ? 1 : 0;
                       }),
              1);
}

TEST_F(Sandbox, LetsTheServiceSeeHowMuchItWrites) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            static_cast<void>(confine({.directory = home / "job", .parent = ::getppid()}));
            std::ofstream(home / "job/ready").flush();
            ::pause();
        } catch (...) {
        }
        ::_exit(99);
    }
    const auto is_ready = [&] { return std::filesystem::exists(home / "job/ready"); };
    for (int tries = 0; tries < 500 && !is_ready(); ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(is_ready());
    std::ifstream in("/proc/" + std::to_string(child) + "/io");
    std::string name;
    EXPECT_TRUE(in >> name);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

TEST_F(Sandbox, ReadsOpenSslsSettingsAndNoKeysBesideThem) {
    if (!std::filesystem::exists("/etc/ssl/openssl.cnf")) {
        GTEST_SKIP() << "there is no /etc/ssl/openssl.cnf";
    }
    const auto opens = [&](const char* path, int flags) {
        return confined(home / "job", [&] { return ::open(path, flags) >= 0 ? 0 : 1; });
    };
    EXPECT_EQ(opens("/etc/ssl/openssl.cnf", O_RDONLY), 0);
    EXPECT_EQ(opens("/etc/ssl", O_RDONLY | O_DIRECTORY), 1);
}

TEST_F(Sandbox, GetsNoMoreMemoryAndNoLargerFile) {
    constexpr std::size_t limit = std::size_t{256} << 20U;
    EXPECT_EQ(confined(
                  home / "job",
                  [] {
                      try {
                          std::vector<char> block(2 * limit, 'x');
                          return block[limit] == 'x' ? 0 : 2;
                      } catch (const std::bad_alloc&) {
                          return 1;
                      }
                  },
                  limit),
              1);
    EXPECT_EQ(confined(home / "job",
                       [this] {
                           ::signal(SIGXFSZ, SIG_IGN);
                           const int file =
                               ::open((home / "job/large").c_str(), O_CREAT | O_WRONLY, 0600);
                           return ::ftruncate(file, 2 << 20) == 0 ? 0 : 1;
                       }),
              1);
}

TEST_F(Sandbox, TellsBeforehandThatADirectoryIsAnotherUsers) {
    EXPECT_NO_THROW(static_cast<void>(lacking_confinement(home / "job")));
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give a directory away";
    }
    ASSERT_EQ(::chown((home / "job").c_str(), 65534, 65534), 0);
    try {
        static_cast<void>(lacking_confinement(home / "job"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_input);
    }
}

TEST_F(Sandbox, EndsWithAParentThatIsGone) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            static_cast<void>(confine({.directory = home / "job", .parent = 1 << 22}));
        } catch (...) {
            ::_exit(7);
        }
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace cipherfit::service
