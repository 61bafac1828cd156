// SPDX-License-Identifier: MIT
// What mmsd-marathon-watcher may ask of the kernel and of the disk.
#include "daemon/marathon/sandbox_policy.h"

#include "common/landlock.h"
#include "common/loop_sandbox.h"
#include "common/syscall_filter.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <vector>

namespace mmsd::marathon {

namespace {

using Argument = SyscallRule::Argument;

constexpr std::uint64_t kWholeInt = 0xffffffff;
/** What a type of socket may be combined with. */
constexpr std::uint64_t kTypeBits =
    kWholeInt & ~static_cast<std::uint64_t>(SOCK_NONBLOCK | SOCK_CLOEXEC);

constexpr Argument kIpv4{0, kWholeInt, AF_INET};
constexpr Argument kIpv6{0, kWholeInt, AF_INET6};
constexpr Argument kStream{1, kTypeBits, SOCK_STREAM};
constexpr Argument kDatagram{1, kTypeBits, SOCK_DGRAM};

/** Which of the protocols of a type: others are modules that the kernel would load. */
constexpr Argument protocol(int number) {
    return {2, kWholeInt, static_cast<std::uint64_t>(number)};
}

constexpr SyscallRule socketOption(int level, int option) {
    return {"setsockopt", Argument{1, kWholeInt, static_cast<std::uint64_t>(level)},
            Argument{2, kWholeInt, static_cast<std::uint64_t>(option)}};
}

/** Beyond what every event loop needs and the reading of files: certificates, the resolver's. */
constexpr auto kAllowed = std::to_array<SyscallRule>({
    // libcurl, libevent's resolver.
    {"fcntl", Argument{1, kWholeInt, F_GETFL}},
    {"fcntl", Argument{1, kWholeInt, F_SETFL}},
    {"fcntl", Argument{1, kWholeInt, F_GETFD}},
    {"fcntl", Argument{1, kWholeInt, F_SETFD}},
    // Connections to masters and name servers: TCP and UDP over IP only.
    {"socket", kIpv4, kStream, protocol(IPPROTO_TCP)},
    {"socket", kIpv6, kStream, protocol(IPPROTO_TCP)},
    {"socket", kIpv4, kStream, protocol(0)},
    {"socket", kIpv6, kStream, protocol(0)},
    {"socket", kIpv4, kDatagram, protocol(IPPROTO_UDP)},
    {"socket", kIpv6, kDatagram, protocol(IPPROTO_UDP)},
    {"socket", kIpv4, kDatagram, protocol(0)},
    {"socket", kIpv6, kDatagram, protocol(0)},
    {"connect"},
    {"shutdown"},
    {"getsockname"},
    {"getpeername"},
    {"getsockopt", Argument{1, kWholeInt, SOL_SOCKET}},
    socketOption(SOL_SOCKET, SO_KEEPALIVE),
    socketOption(IPPROTO_TCP, TCP_NODELAY),
    socketOption(IPPROTO_TCP, TCP_KEEPIDLE),
    socketOption(IPPROTO_TCP, TCP_KEEPINTVL),
    socketOption(IPPROTO_TCP, TCP_KEEPCNT),
    // Queries to name servers, by address; no flag but the harmless ones (see baseSyscalls()).
    {"sendto", Argument{3, kWholeInt & ~std::uint64_t{MSG_NOSIGNAL | MSG_DONTWAIT}, 0}},
    // OpenSSL, which looks for its place in the file of a client's key.
    {"lseek"},
    // The state on disk.
    {"fchmod"},
    {"renameat"},
    {"renameat2"}, // renameat() on newer architectures
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
