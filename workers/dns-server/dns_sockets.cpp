// SPDX-License-Identifier: MIT
// The server's two sockets: opened here only when nobody else did, and prepared for use.
#include "workers/dns-server/dns_sockets.h"

#include "common/sys_error.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <memory>

namespace mmsd::dns {

namespace {

constexpr int kBacklog = 1'024; ///< clients; they wait here while the process is replaced
/** Octets of queries that wait while the process is busy or being replaced; the kernel gives what
 *  its limit allows. */
constexpr int kReceiveBuffer = 4 << 20;
/** Addresses of the NS name: one more packet's worth helps nobody. */
constexpr std::size_t kMaxServerAddresses = 4;

void setOption(const UniqueFd& socket, int level, int option, int value, const char* name) {
    if (::setsockopt(socket.get(), level, option, &value, sizeof value) != 0)
        throwErrno(std::string{"set "} + name);
}

UniqueFd openBound(const InetEndpoint& endpoint, int type) {
    sockaddr_storage address;
    const socklen_t length = endpoint.toSockaddr(address);
    UniqueFd socket{::socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket.isDefined())
        throwErrno("open a socket for " + endpoint.toString());
    setOption(socket, SOL_SOCKET, SO_REUSEADDR, type == SOCK_STREAM, "SO_REUSEADDR");
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
        throwErrno("bind to " + endpoint.toString());
    return socket;
}

bool isAny(const IpAddress& address) noexcept {
    return std::all_of(address.data(), address.data() + address.size(),
                       [](std::uint8_t octet) { return octet == 0; });
}

/** IPv6 addresses of one link mean nothing to another. Source: RFC 4291 §2.5.6. */
bool isLinkLocal(const IpAddress& address) noexcept {
    return address.isV6() && address.data()[0] == 0xfe && (address.data()[1] & 0xc0) == 0x80;
}

} // namespace

UniqueFd openUdpSocket(const InetEndpoint& endpoint) {
    return openBound(endpoint, SOCK_DGRAM);
}

UniqueFd openTcpListener(const InetEndpoint& endpoint) {
    UniqueFd listener = openBound(endpoint, SOCK_STREAM);
    if (::listen(listener.get(), kBacklog) != 0)
        throwErrno("listen on " + endpoint.toString());
    return listener;
}

void prepareUdpSocket(const UniqueFd& socket) {
    int size = 0;
    socklen_t sizeLength = sizeof size;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &size, &sizeLength) != 0)
        throwErrno("ask for SO_RCVBUF");
    // Never smaller: who bound the socket may have had the right to more.
    if (size < kReceiveBuffer)
        setOption(socket, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer, "SO_RCVBUF");

    sockaddr_storage address;
    socklen_t length = sizeof address;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
        throwErrno("ask where the DNS socket is bound");
    const auto bound =
        InetEndpoint::fromSockaddr(reinterpret_cast<const sockaddr*>(&address), length);
    if (!bound || !isAny(bound->address))
        return;
    if (bound->address.isV6())
        setOption(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
    else
        setOption(socket, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
}

void prepareTcpListener(const UniqueFd& listener) {
    setOption(listener, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
}

std::vector<IpAddress> reachableAddresses(const IpAddress& address) {
    if (!isAny(address))
        return {address};
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0)
        throwErrno("list the machine's addresses");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
    std::vector<IpAddress> found;
    for (const ifaddrs* i = list; i != nullptr && found.size() < kMaxServerAddresses;
         i = i->ifa_next) {
        if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_UP) == 0 ||
            (i->ifa_flags & IFF_LOOPBACK) != 0)
            continue;
        const auto endpoint = InetEndpoint::fromSockaddr(i->ifa_addr, sizeof(sockaddr_in6));
        if (endpoint && (address.isV6() || !endpoint->address.isV6()) &&
            !isLinkLocal(endpoint->address))
            found.push_back(endpoint->address);
    }
    if (found.empty())
        found.push_back(*IpAddress::parse(address.isV6() ? "::1" : "127.0.0.1"));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

} // namespace mmsd::dns
