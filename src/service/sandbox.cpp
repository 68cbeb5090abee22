#include "service/sandbox.h"

#include "cipherfit/base/error.h"
#include "cipherfit/io/file.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cipherfit::service {
namespace {

void limit(int what, std::uint64_t bytes, const char* name) {
    if (bytes == 0) {
        return;
    }
    const rlimit limits{bytes, bytes};
    require(::setrlimit(static_cast<__rlimit_resource>(what), &limits) == 0, ErrorCode::io_failure,
            "cannot limit {}: {}", name, std::strerror(errno));
}

// A process that was started by root has all of them, and in a user namespace of its own every one
// has.
bool give_up_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    return ::syscall(SYS_capset, &header, none.data()) == 0;
}

bool leave_the_network() {
    // Without root it takes a user namespace as well.
    return ::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t everything_of_abi_1 =
    reading | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
// Files and directories are all that a job makes: a link could lead its readers elsewhere.
constexpr std::uint64_t never_in_a_job =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO;
// Since its second version; without them files could not move between directories of the job.
constexpr std::uint64_t refer = std::uint64_t{1} << 13U;
constexpr std::uint64_t truncate = std::uint64_t{1} << 14U;

bool allow(int ruleset, const std::filesystem::path& path, std::uint64_t access) {
    const FileDescriptor directory(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!directory.valid()) {
        return errno == ENOENT;  // nothing to allow
    }
    landlock_path_beneath_attr rule{};
    rule.allowed_access = access;
    rule.parent_fd = directory.get();
    return ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) == 0;
}

long landlock_version() {
    return ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0},
                     LANDLOCK_CREATE_RULESET_VERSION);
}

bool lock_the_files(const std::filesystem::path& directory) {
    const long version = landlock_version();
    if (version < 1) {
        return false;
    }
    std::uint64_t handled = everything_of_abi_1;
    handled |= version >= 2 ? refer : 0;
    handled |= version >= 3 ? truncate : 0;
    // The later members of the kernel's structure are left out: it takes the shorter one.
    const std::uint64_t attribute = handled;
    const FileDescriptor ruleset(static_cast<int>(
        ::syscall(SYS_landlock_create_ruleset, &attribute, sizeof(attribute), 0U)));
    if (!ruleset.valid()) {
        return false;
    }
    bool made = allow(ruleset.get(), directory, handled & ~never_in_a_job);
    // Libraries, the system's description of itself, OpenSSL's settings.
    for (const char* path : {"/usr", "/lib", "/lib64", "/proc", "/sys", "/etc/ssl/certs"}) {
        made = allow(ruleset.get(), path, reading | LANDLOCK_ACCESS_FS_EXECUTE) && made;
    }
    for (const char* path :
         {"/dev/null", "/dev/urandom", "/dev/random", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf"}) {
        made = allow(ruleset.get(), path, LANDLOCK_ACCESS_FS_READ_FILE) && made;
    }
    return made && ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0U) == 0;
}

constexpr int fchmodat2_call = 452;  // on every architecture, unknown to older headers

// Calls that a job has no use for: sockets, other programs and processes, the system's settings.
constexpr std::array refused_calls{
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
    SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_ptrace, SYS_mount, SYS_umount2,
    SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_bpf, SYS_keyctl, SYS_add_key,
    SYS_request_key, SYS_reboot, SYS_kexec_load, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_swapon, SYS_swapoff, SYS_settimeofday, SYS_clock_settime,
    SYS_process_vm_readv, SYS_kill, SYS_perf_event_open, SYS_process_vm_writev, SYS_userfaultfd,
    SYS_io_uring_setup, SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_tkill,
    SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open, SYS_pidfd_getfd,
    SYS_pidfd_send_signal, SYS_setpgid, SYS_setsid, SYS_setrlimit, SYS_sched_setaffinity,
    SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setscheduler, SYS_setpriority, SYS_ioprio_set,
    SYS_fchown, SYS_chown, SYS_lchown, SYS_fchownat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_utime, SYS_utimes, SYS_futimesat,
    SYS_utimensat, SYS_memfd_create, SYS_memfd_secret, SYS_shmget, SYS_shmat, SYS_shmctl,
    SYS_msgget, SYS_msgsnd, SYS_semget, SYS_semop, SYS_mq_open, SYS_mknod, SYS_mknodat, SYS_symlink,
    SYS_symlinkat, SYS_process_madvise, SYS_process_mrelease, SYS_move_pages, SYS_migrate_pages,
    SYS_kcmp, SYS_fanotify_init, SYS_quotactl, SYS_acct, SYS_syslog, SYS_sethostname,
    SYS_setdomainname, SYS_adjtimex, SYS_clock_adjtime, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
    SYS_mount_setattr,
    // Landlock knows no modes, and truncation since ABI 3 alone.
    SYS_truncate, SYS_chmod, SYS_fchmodat, fchmodat2_call};

bool refuse_calls() {
#ifdef __x86_64__
    std::array<sock_filter, 2 * refused_calls.size() + 64> program{};
    std::size_t size = 0;
    const auto add = [&](const sock_filter& instruction) { program[size++] = instruction; };
    const auto answer = [&](std::uint32_t with) { add(BPF_STMT(BPF_RET | BPF_K, with)); };
    constexpr std::uint32_t refusal = SECCOMP_RET_ERRNO | EPERM;
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
    answer(SECCOMP_RET_KILL_PROCESS);
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    // Calls of the x32 interface, which have a bit more, are others.
    add(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));
    answer(SECCOMP_RET_KILL_PROCESS);
    // The next instruction if it is that call; over `skipped` if not.
    const auto if_call = [&](long call, std::uint8_t skipped) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, skipped));
    };
    for (const long call : refused_calls) {
        if_call(call, 1);
        answer(refusal);
    }
    // Its flags cannot be looked at; the C library takes clone() instead.
    if_call(SYS_clone3, 1);
    answer(SECCOMP_RET_ERRNO | ENOSYS);
    // Calls whose first argument, of 32 bits, decides.
    const auto allow_only = [&](long call, std::uint16_t test, std::uint32_t value) {
        if_call(call, 4);
        add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
        add(BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), value, 0, 1));
        answer(SECCOMP_RET_ALLOW);
        answer(refusal);
    };
    allow_only(SYS_clone, BPF_JSET, CLONE_THREAD);  // threads, no processes
    allow_only(SYS_tgkill, BPF_JEQ, static_cast<std::uint32_t>(::getpid()));
    allow_only(SYS_prlimit64, BPF_JEQ, 0);  // its own limits
    // To outlive the service, and to hide from it how much it writes (/proc/PID/io).
    constexpr std::array refused_settings{PR_SET_PDEATHSIG, PR_SET_DUMPABLE};
    if_call(SYS_prctl, 2 * refused_settings.size() + 2);
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
    for (const int setting : refused_settings) {
        if_call(setting, 1);
        answer(refusal);
    }
    answer(SECCOMP_RET_ALLOW);
    // The commands that choose who gets which signal for a file.
    constexpr std::array refused_commands{F_SETOWN, F_SETSIG, F_SETOWN_EX};
    if_call(SYS_fcntl, 2 * refused_commands.size() + 2);
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + sizeof(std::uint64_t)));
    for (const int command : refused_commands) {
        if_call(command, 1);
        answer(refusal);
    }
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_ALLOW);
    const sock_fprog filter{static_cast<unsigned short>(size), program.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
#else
    return false;
#endif
}

void be_considerate() {
    static_cast<void>(::setpriority(PRIO_PROCESS, 0, 10));
    constexpr int best_effort = 2 << 13;
    static_cast<void>(::syscall(SYS_ioprio_set, 1, 0, best_effort | 7));
}

}  // namespace

std::vector<std::string> confine(const Confinement& confinement) {
    if (confinement.parent != 0) {
        static_cast<void>(::prctl(PR_SET_PDEATHSIG, SIGKILL));
        // It may have gone before that was in force.
        require(::getppid() == confinement.parent, ErrorCode::io_failure,
                "the service has ended: start it again");
    }
    static_cast<void>(::syscall(SYS_close_range, 3U, ~0U, 0U));
    be_considerate();
    limit(RLIMIT_DATA, confinement.memory_bytes, "memory");
    limit(RLIMIT_FSIZE, confinement.file_bytes, "the size of files");
    const rlimit none{0, 0};
    static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
    std::vector<std::string> lacking;
    if (!leave_the_network()) {
        lacking.emplace_back("network namespace");
    }
    if (!give_up_capabilities()) {
        lacking.emplace_back("capabilities");
    }
    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, ErrorCode::io_failure,
            "cannot give up privileges: {}", std::strerror(errno));
    if (!lock_the_files(confinement.directory)) {
        lacking.emplace_back("landlock");
    } else if (landlock_version() < 3) {
        lacking.emplace_back("landlock truncate");
    }
    if (!refuse_calls()) {
        lacking.emplace_back("seccomp");
    }
    return lacking;
}

std::vector<std::string> lacking_confinement(const std::filesystem::path& directory) {
    constexpr int is_not_read = 3;
    std::array<int, 2> ends{};
    require(::pipe2(ends.data(), O_CLOEXEC) == 0, ErrorCode::io_failure, "no pipe is left: {}",
            std::strerror(errno));
    const FileDescriptor told(ends[0]);
    FileDescriptor says(ends[1]);
    const pid_t child = ::fork();
    require(child >= 0, ErrorCode::io_failure, "no process can be started: {}",
            std::strerror(errno));
    if (child == 0) {
        // All descriptors but the first three are closed in it.
        if (::dup2(says.get(), STDOUT_FILENO) < 0) {
            ::_exit(1);
        }
        try {
            std::string text;
            // Root reads what is another user's by a capability, which is gone in a moment.
            struct stat status{};
            const bool is_ours =
                ::stat(directory.c_str(), &status) == 0 && status.st_uid == ::geteuid();
            for (const std::string& what : confine({.directory = directory})) {
                text += what + "\n";
            }
            if (!is_ours ||
                !FileDescriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                     .valid()) {
                ::_exit(is_not_read);
            }
            ::_exit(::write(STDOUT_FILENO, text.data(), text.size()) ==
                            static_cast<ssize_t>(text.size())
                        ? 0
                        : 1);
        } catch (...) {
            ::_exit(1);
        }
    }
    says = FileDescriptor();
    std::string text;
    std::array<char, 256> piece{};
    while (true) {
        const ssize_t got = ::read(told.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    require(
        !WIFEXITED(status) || WEXITSTATUS(status) != is_not_read, ErrorCode::bad_input,
        "{}: belongs to another user, and jobs could not read it: run the service as that user, "
        "or give the directory to this one",
        directory.string());
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, ErrorCode::io_failure,
            "a process for a trial could not be confined to {}", directory.string());
    std::vector<std::string> lacking;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lacking.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lacking;
}

}  // namespace cipherfit::service
