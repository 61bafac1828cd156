// SPDX-License-Identifier: MIT
// What every event-loop process of ours may do, once it is locked in.
#include "common/loop_sandbox.h"

#include "common/sys_error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <array>
#include <string>

namespace mmsd {

namespace {

constexpr std::uint64_t kWholeInt = 0xffffffff;

/** Memory may be asked for, but never memory that can be executed. */
constexpr SyscallRule::Argument kNotExecutable{2, PROT_EXEC, 0};

constexpr auto kBaseSyscalls = std::to_array<SyscallRule>({
    // Channel, stderr, libevent's signal pipe.
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
    // libevent; timerfd where it was asked for precise timers.
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
    // Time, where the vDSO cannot answer; log lines carry the pid.
    {"clock_gettime"},
    {"gettimeofday"},
    {"time"},
    {"getpid"},
    {"gettid"},
    {"getrandom"},
    {"exit"},
    {"exit_group"},
});

constexpr auto kFileReadingSyscalls = std::to_array<SyscallRule>({
    {"openat"}, // Landlock says which
    {"fstat"},
    {"newfstatat"},
    {"lseek"},
});

void setLimit(__rlimit_resource resource, const char* name) {
    const rlimit none{0, 0};
    if (::setrlimit(resource, &none) != 0)
        throwErrno(std::string{"set "} + name);
}

} // namespace

std::span<const SyscallRule> baseSyscalls() noexcept {
    return kBaseSyscalls;
}

std::span<const SyscallRule> fileReadingSyscalls() noexcept {
    return kFileReadingSyscalls;
}

void limitResources() {
    setLimit(RLIMIT_CORE, "RLIMIT_CORE");
    setLimit(RLIMIT_NPROC, "RLIMIT_NPROC");
}

} // namespace mmsd
