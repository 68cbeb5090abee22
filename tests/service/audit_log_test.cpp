// The audit log where the disk does not take a whole line.
#include "service/audit_log.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cipherfit::service {
namespace {

bool can_add(AuditLog& log) {
    try {
        log.add({.who = "alice", .what = "create"});
        return true;
    } catch (const Error&) {
        return false;
    }
}

// In a process of its own, whose files may not grow past 100 bytes beyond the first entry.
int add_at_the_limit(const std::filesystem::path& file) {
    AuditLog log(file);
    if (!can_add(log)) {
        return 1;
    }
    const auto size = std::filesystem::file_size(file);
    rlimit limits{};
    ::getrlimit(RLIMIT_FSIZE, &limits);
    const rlimit few{size + 100, limits.rlim_max};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &few);
    if (can_add(log) || log.head().sequence != 1 || std::filesystem::file_size(file) != size) {
        return 2;
    }
    ::setrlimit(RLIMIT_FSIZE, &limits);
    return can_add(log) ? 0 : 3;
}

TEST(AuditLogTest, APartOfALineIsTakenBack) {
    std::string name = (std::filesystem::temp_directory_path() / "cipherfit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const std::filesystem::path file = std::filesystem::path(name) / "audit.log";
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(add_at_the_limit(file));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    const auto head = verify_audit_log(file);
    ASSERT_TRUE(head.has_value()) << head.error().message;
    EXPECT_EQ(head->sequence, 2);
    std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace cipherfit::service
