// SPDX-License-Identifier: MIT
// The UDP sockets of the balancer, made and asked.
#include "workers/udp-balancer/sockets.h"

#include "common/sys_error.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace mmsd::udp {

namespace {

/** Octets asked for the queues of a service socket: a burst of all clients, or the time of a
 *  restart. The kernel cuts it to net.core.rmem_max and wmem_max. */
constexpr int kServiceBuffer = 4 << 20;
/** Error queue entries read at once; more stay for the next time. */
constexpr int kMaxQueuedErrors = 64;

bool set(int fd, int level, int option, int value) noexcept {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

UniqueFd openSocket(int family) noexcept {
    return UniqueFd{::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
}

/** Larger datagrams are fragmented like those of the client itself: a path MTU found by a router
 *  must never become an error of the session. */
bool allowFragments(int fd, bool isV6) noexcept {
    return isV6 ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT)
                : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

} // namespace

UniqueFd openServiceSocket(const InetEndpoint& endpoint) {
    const bool isV6 = endpoint.address.isV6();
    const bool isAny =
        endpoint.address == IpAddress{} || endpoint.address == IpAddress{in6_addr IN6ADDR_ANY_INIT};
    sockaddr_storage address{};
    const socklen_t length = endpoint.toSockaddr(address);
    UniqueFd fd = openSocket(address.ss_family);
    if (fd.isDefined()) {
        set(fd.get(), SOL_SOCKET, SO_RCVBUF, kServiceBuffer);
        set(fd.get(), SOL_SOCKET, SO_SNDBUF, kServiceBuffer);
        allowFragments(fd.get(), isV6);
    }
    const bool isReady = fd.isDefined() && (!isV6 || set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                         // Link-local clients can be answered only with the interface known.
                         (isV6    ? set(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                          : isAny ? set(fd.get(), IPPROTO_IP, IP_PKTINFO, 1)
                                  : true) &&
                         ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
    if (!isReady)
        throwErrno("UDP " + endpoint.toString());
    return fd;
}

bool isBoundTo(int fd, const InetEndpoint& endpoint) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM &&
           ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
           InetEndpoint::fromSockaddr(reinterpret_cast<const sockaddr*>(&address), length) ==
               endpoint;
}

UniqueFd openInstanceSocket(const InetEndpoint& instance) noexcept {
    const bool isV6 = instance.address.isV6();
    sockaddr_storage address{};
    const socklen_t length = instance.toSockaddr(address);
    UniqueFd fd = openSocket(address.ss_family);
    // With RECVERR an unreachable host is an error, too, not only a closed port.
    if (fd.isDefined() && allowFragments(fd.get(), isV6) &&
        (isV6 ? set(fd.get(), IPPROTO_IPV6, IPV6_RECVERR, 1)
              : set(fd.get(), IPPROTO_IP, IP_RECVERR, 1)) &&
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0)
        return fd;
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

UniqueFd openFanOutSocket(bool isV6) noexcept {
    UniqueFd fd = openSocket(isV6 ? AF_INET6 : AF_INET);
    if (fd.isDefined()) {
        allowFragments(fd.get(), isV6);
        if (isV6)
            set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    return fd;
}

int takeError(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return errno;
    std::array<std::byte, 512> control{};
    for (int i = 0; i < kMaxQueuedErrors; ++i) {
        msghdr message{};
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
    }
    return error;
}

std::uint64_t queueOverflows(int fd) noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
    socklen_t size = sizeof values;
    return ::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values.data(), &size) == 0
               ? values[SK_MEMINFO_DROPS]
               : 0;
}

} // namespace mmsd::udp
