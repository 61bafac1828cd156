// SPDX-License-Identifier: MIT
// What every event-loop process of ours may do, once it is locked in.
#include "common/loop_sandbox.h"

#include "common/sys_error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <csignal>
#include <string>

namespace mmsd {

namespace {

using Argument = SyscallRule::Argument;

constexpr std::uint64_t kWholeInt = 0xffffffff;

/** Memory may be asked for, but never memory that can be executed. */
constexpr Argument kNotExecutable{2, PROT_EXEC, 0};
/** Above all not MSG_FASTOPEN, which connects without connect(2), past Landlock: even a listener,
 *  once it was shut down. */
constexpr std::uint64_t kUnusedSendFlags =
    kWholeInt & ~static_cast<std::uint64_t>(MSG_NOSIGNAL | MSG_DONTWAIT);
/** The channel to the supervisor: descriptor 3. */
constexpr Argument kChannel{0, kWholeInt, 3};

constexpr auto kBaseSyscalls = std::to_array<SyscallRule>({
    // Channel, stderr, libevent's signal pipe, connections.
    {"read"},
    {"recvfrom"},
    {"write"},
    {"sendto", Argument{3, kUnusedSendFlags, 0}, Argument{4, ~std::uint64_t{0}, 0}}, // send(2)
    {"sendmsg", Argument{2, kUnusedSendFlags, 0}},
    {"close"},
    {"poll"},
    {"ppoll"}, // poll(2) on newer architectures
    {"shutdown", kChannel},
    // libevent; which of the waits depends on its version and the architecture.
    {"epoll_ctl"},
    {"epoll_wait"},
    {"epoll_pwait"},
    {"epoll_pwait2"},
    {"rt_sigaction"},
    {"rt_sigreturn"},
    {"restart_syscall"},
    // Memory.
    {"brk"},
    {"mmap", kNotExecutable},
    {"mprotect", kNotExecutable}, // malloc(3) of other C libraries
    {"mremap", Argument{3, kWholeInt, MREMAP_MAYMOVE}},
    {"munmap"},
    {"madvise", Argument{2, kWholeInt, MADV_DONTNEED}},
    {"madvise", Argument{2, kWholeInt, MADV_FREE}},
    {"madvise", Argument{2, kWholeInt, MADV_HUGEPAGE}},
    {"futex"},
    // Time, where the vDSO cannot answer; log lines carry the pid.
    {"clock_gettime"},
    {"gettimeofday"},
    {"time"},
    {"alarm"},
    {"setitimer", Argument{0, kWholeInt, ITIMER_REAL}}, // alarm(2) on newer architectures
    {"getpid"},
    {"getrandom"},
    // The last words of abort(3): a failed assertion must not look like a forbidden call.
    {"writev"},
    {"rt_sigprocmask"},
    {"gettid"},
    {"tgkill", Argument{2, kWholeInt, SIGABRT}},
    {"exit_group"},
});

constexpr auto kFileReadingSyscalls = std::to_array<SyscallRule>({
    {"openat"}, // Landlock says which
    {"fstat"},  // newfstatat() on some architectures
    {"newfstatat"},
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
