// SPDX-License-Identifier: MIT
// What mmsd-udp-balancer may ask of the kernel, beyond what every worker may.
#include "workers/udp-balancer/sandbox_policy.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

namespace mmsd::udp {

namespace {

using Argument = SyscallRule::Argument;

constexpr std::uint64_t kWholeInt = 0xffffffff;

constexpr Argument kIpv4{0, kWholeInt, AF_INET};
constexpr Argument kIpv6{0, kWholeInt, AF_INET6};
constexpr Argument kDatagrams{1, kWholeInt, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC};
constexpr Argument kPlainUdp{2, kWholeInt, 0};

constexpr SyscallRule socketOption(const char* call, int level, int option) {
    return {call, Argument{1, kWholeInt, static_cast<std::uint64_t>(level)},
            Argument{2, kWholeInt, static_cast<std::uint64_t>(option)}};
}

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"socket", kIpv4, kDatagrams, kPlainUdp},
    {"socket", kIpv6, kDatagrams, kPlainUdp},
    {"bind"},
    {"connect"},
    {"getsockname"},
    socketOption("getsockopt", SOL_SOCKET, SO_ERROR),
    socketOption("getsockopt", SOL_SOCKET, SO_MEMINFO),
    socketOption("getsockopt", SOL_SOCKET, SO_TYPE),
    socketOption("setsockopt", SOL_SOCKET, SO_RCVBUF),
    socketOption("setsockopt", SOL_SOCKET, SO_SNDBUF),
    socketOption("setsockopt", IPPROTO_IP, IP_MTU_DISCOVER),
    socketOption("setsockopt", IPPROTO_IP, IP_PKTINFO),
    socketOption("setsockopt", IPPROTO_IP, IP_RECVERR),
    socketOption("setsockopt", IPPROTO_IPV6, IPV6_MTU_DISCOVER),
    socketOption("setsockopt", IPPROTO_IPV6, IPV6_RECVERR),
    socketOption("setsockopt", IPPROTO_IPV6, IPV6_RECVPKTINFO),
    socketOption("setsockopt", IPPROTO_IPV6, IPV6_V6ONLY),
    {"recvmsg"}, // sockets from the store, errors of instances
    {"recvmmsg"},
    {"sendmmsg", Argument{3, kWholeInt & ~std::uint64_t{MSG_NOSIGNAL | MSG_DONTWAIT}, 0}},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::udp
