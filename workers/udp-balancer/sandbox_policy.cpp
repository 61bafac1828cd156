// SPDX-License-Identifier: MIT
// What mmsd-udp-balancer may ask of the kernel, beyond what every worker may.
#include "workers/udp-balancer/sandbox_policy.h"

#include <sys/socket.h>

#include <array>

namespace mmsd::udp {

namespace {

constexpr std::uint64_t kWholeInt = 0xffffffff;

constexpr SyscallRule::Argument kIpv4{0, kWholeInt, AF_INET};
constexpr SyscallRule::Argument kIpv6{0, kWholeInt, AF_INET6};
constexpr SyscallRule::Argument kDatagrams{1, kWholeInt, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC};

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"socket", kIpv4, kDatagrams},
    {"socket", kIpv6, kDatagrams},
    {"bind"},
    {"connect"},
    {"getsockname"},
    {"getsockopt"},
    {"setsockopt"},
    {"recvmmsg"},
    {"sendmmsg"},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::udp
