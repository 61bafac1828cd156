// SPDX-License-Identifier: MIT
// What mmsd-marathon-watcher may ask of the kernel and of the disk.
#include "daemon/marathon/sandbox_policy.h"

#include "common/landlock.h"
#include "common/loop_sandbox.h"
#include "common/syscall_filter.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <vector>

namespace mmsd::marathon {

namespace {

constexpr std::uint64_t kWholeInt = 0xffffffff;

/** Beyond what every event loop needs and the reading of files: certificates, the resolver's. */
constexpr auto kAllowed = std::to_array<SyscallRule>({
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
    // The state on disk.
    {"fchmod"},
    {"renameat"},
    {"unlinkat"},
});

/** What libcurl, OpenSSL and the C library do on some paths and live without: a resolver thread,
 *  looking around, asking for the size of the memory. */
constexpr auto kRefused = std::to_array<const char*>(
    {"clone", "clone3", "ioctl", "access", "faccessat", "faccessat2", "getdents64", "readlink",
     "statx", "sysinfo", "uname", "prlimit64", "sched_yield", "bind"});

} // namespace

int enterSandbox(const SandboxPaths& paths) {
    limitResources();

    std::vector<LandlockPath> rules;
    for (const std::string& path : paths.readable)
        rules.push_back({.path = path.c_str(), .isWritable = false});
    for (const std::string& path : paths.writable)
        rules.push_back({.path = path.c_str(), .isWritable = true});
    const int abi = restrictWithLandlock({.paths = rules, .mayConnectTcp = true});
    std::vector<SyscallRule> allowed;
    for (const std::span<const SyscallRule> table :
         {baseSyscalls(), fileReadingSyscalls(), std::span<const SyscallRule>{kAllowed}})
        allowed.insert(allowed.end(), table.begin(), table.end());
    installSyscallFilter({.allowed = allowed, .refused = kRefused});
    return abi;
}

} // namespace mmsd::marathon
