// SPDX-License-Identifier: MIT
// What mmsd-marathon-watcher may ask of the kernel and of the disk.
#include "daemon/marathon/sandbox_policy.h"

#include "common/landlock.h"
#include "common/sys_error.h"
#include "common/syscall_filter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>

namespace mmsd::marathon {

namespace {

constexpr std::uint64_t kWholeInt = 0xffffffff;
/** Memory may be asked for, but never memory that can be executed. */
constexpr SyscallRule::Argument kNotExecutable{2, PROT_EXEC, 0};

constexpr auto kAllowed = std::to_array<SyscallRule>({
    // Channel, Marathon, name servers, files, stderr.
    {"read"},
    {"readv"},
    {"recvfrom"},
    {"recvmsg"},
    {"write"},
    {"writev"},
    {"sendto"},
    {"sendmsg"},
    {"close"},
    {"poll"},
    {"ppoll"},
    {"shutdown"},
    {"fcntl", SyscallRule::Argument{1, kWholeInt, F_GETFL}},
    {"fcntl", SyscallRule::Argument{1, kWholeInt, F_SETFL}},
    {"fcntl", SyscallRule::Argument{1, kWholeInt, F_GETFD}},
    {"fcntl", SyscallRule::Argument{1, kWholeInt, F_SETFD}},
    // Connections: IP only.
    {"socket", SyscallRule::Argument{0, kWholeInt, AF_INET}},
    {"socket", SyscallRule::Argument{0, kWholeInt, AF_INET6}},
    {"connect"},
    {"getsockname"},
    {"getpeername"},
    {"getsockopt"},
    {"setsockopt"},
    // Certificates, the resolver's and the user's files; Landlock says which.
    {"openat"},
    {"fstat"},
    {"newfstatat"},
    {"lseek"},
    // The state on disk.
    {"fchmod"},
    {"renameat"},
    {"unlinkat"},
    // libevent.
    {"epoll_ctl"},
    {"epoll_wait"},
    {"epoll_pwait"},
    {"epoll_pwait2"},
    {"timerfd_settime"},
    {"rt_sigaction"},
    {"rt_sigprocmask"},
    {"rt_sigreturn"},
    {"restart_syscall"},
    // Memory.
    {"brk"},
    {"mmap", kNotExecutable},
    {"mprotect", kNotExecutable},
    {"mremap"},
    {"munmap"},
    {"madvise"},
    {"futex"},
    // Time and random numbers.
    {"clock_gettime"},
    {"gettimeofday"},
    {"time"},
    {"getpid"},
    {"gettid"},
    {"getrandom"},
    {"exit"},
    {"exit_group"},
});

/** What libcurl, OpenSSL and the C library do on some paths and live without: a resolver thread,
 *  looking around, asking for the size of the memory. */
constexpr auto kRefused = std::to_array<const char*>(
    {"clone", "clone3", "ioctl", "access", "faccessat", "faccessat2", "getdents64", "readlink",
     "statx", "sysinfo", "uname", "prlimit64", "sched_yield", "bind"});

void setLimit(__rlimit_resource resource, const char* name) {
    const rlimit none{0, 0};
    if (::setrlimit(resource, &none) != 0)
        throwErrno(std::string{"set "} + name);
}

} // namespace

int enterSandbox(const SandboxPaths& paths) {
    setLimit(RLIMIT_CORE, "RLIMIT_CORE");
    setLimit(RLIMIT_NPROC, "RLIMIT_NPROC");

    std::vector<LandlockPath> rules;
    for (const std::string& path : paths.readable)
        rules.push_back({.path = path.c_str(), .isWritable = false});
    for (const std::string& path : paths.writable)
        rules.push_back({.path = path.c_str(), .isWritable = true});
    const int abi = restrictWithLandlock({.paths = rules, .mayConnectTcp = true});
    installSyscallFilter({.allowed = kAllowed, .refused = kRefused});
    return abi;
}

} // namespace mmsd::marathon
