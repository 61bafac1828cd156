// SPDX-License-Identifier: MIT
// Binding and keeping listeners.
#include "daemon/listen_sockets.h"

#include "common/sd_notify.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/text.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>

namespace mmsd::supervisor {

namespace {

constexpr std::uint16_t kFirstUnprivilegedPort = 1024;
/** Octets of datagrams that wait while their server is restarted: some ten thousand queries. */
constexpr int kUdpQueue = 8 << 20;

bool turn(int fd, int level, int option, int on = 1) noexcept {
    return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

int socketType(std::string_view role) noexcept {
    return role.ends_with("-udp") ? SOCK_DGRAM : SOCK_STREAM;
}

bool isBoundAs(int fd, const ListenEndpoint& wanted) noexcept {
    int type = 0;
    socklen_t typeLength = sizeof type;
    sockaddr_storage found{};
    socklen_t length = sizeof found;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &typeLength) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&found), &length) != 0)
        return false;
    if (wanted.role.ends_with("-store"))
        return type == SOCK_SEQPACKET && found.ss_family == AF_UNIX;
    sockaddr_storage expected{};
    return type == socketType(wanted.role) && length == wanted.endpoint.toSockaddr(expected) &&
           std::memcmp(&found, &expected, length) == 0;
}

UniqueFd openListener(const ListenEndpoint& wanted, bool isShared) {
    sockaddr_storage address{};
    const socklen_t length = wanted.endpoint.toSockaddr(address);
    const int type = socketType(wanted.role);
    const bool isUdp = type == SOCK_DGRAM;
    UniqueFd fd{::socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    // On UDP, SO_REUSEADDR would let two servers share the port.
    if (fd.isDefined() && (isUdp || turn(fd.get(), SOL_SOCKET, SO_REUSEADDR)) &&
        (!isShared || turn(fd.get(), SOL_SOCKET, SO_REUSEPORT)) &&
        (!wanted.endpoint.address.isV6() || turn(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) &&
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
        (isUdp || ::listen(fd.get(), SOMAXCONN) == 0)) {
        // Without CAP_NET_ADMIN net.core.rmem_max is the limit.
        if (isUdp &&
            ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kUdpQueue, sizeof kUdpQueue) != 0)
            ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kUdpQueue, sizeof kUdpQueue);
        return fd;
    }
    const int error = errno;
    std::string text = "cannot listen on " + wanted.endpoint.toString() + " (" + wanted.role +
                       "): " + std::strerror(error);
    if (error == EACCES && wanted.endpoint.port < kFirstUnprivilegedPort)
        text += "; ports below 1024 need root";
    throw StartError{error == EACCES ? ExitCode::Permission : ExitCode::OperatingSystem, text};
}

std::pair<UniqueFd, UniqueFd> openStore() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        throwErrno("socketpair");
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

} // namespace

bool ListenSockets::shareWith(const ListenEndpoint& further) const {
    // The first socket is bound alone, so that a port which anybody else has is still refused.
    bool isShared = false;
    for (const auto& [endpoint, fd] : listeners_)
        if (endpoint.role == further.role && endpoint.endpoint == further.endpoint)
            isShared = turn(fd.get(), SOL_SOCKET, SO_REUSEPORT);
    return isShared;
}

ListenSockets ListenSockets::openMissing(const std::vector<ListenEndpoint>& wanted) const {
    ListenSockets opened;
    UniqueFd otherEnd;
    for (const ListenEndpoint& endpoint : wanted) {
        if (std::ranges::find(listeners_, endpoint, &Listener::endpoint) != listeners_.end())
            continue;
        UniqueFd fd;
        if (!endpoint.role.ends_with("-store"))
            fd = openListener(endpoint, shareWith(endpoint) || opened.shareWith(endpoint));
        else if (otherEnd.isDefined())
            fd = std::move(otherEnd);
        else
            std::tie(fd, otherEnd) = openStore();
        opened.listeners_.push_back({endpoint, std::move(fd)});
    }
    return opened;
}

void ListenSockets::adopt(ListenSockets opened, const std::vector<ListenEndpoint>& wanted) {
    std::erase_if(listeners_, [&](const Listener& listener) {
        return std::ranges::find(wanted, listener.endpoint) == wanted.end();
    });
    std::ranges::move(opened.listeners_, std::back_inserter(listeners_));
}

void ListenSockets::takePassed(std::vector<ListenEndpoint> wanted) {
    int number = STDERR_FILENO + 1;
    for (const std::string& name : takePassedSockets()) {
        UniqueFd fd{number++};
        std::string choice;
        const auto found = std::ranges::find_if(wanted, [&](const ListenEndpoint& endpoint) {
            if (!endpoint.role.starts_with(name + '-') || endpoint.role.ends_with("-store"))
                return false;
            choice += ' ' + endpoint.role + '=' + endpoint.endpoint.toString();
            return isBoundAs(fd.get(), endpoint);
        });
        if (found == wanted.end())
            throw StartError{ExitCode::Configuration,
                             "cannot take the service manager's socket \"" + escapeText(name) +
                                 "\"; the settings want:" + (choice.empty() ? " none" : choice)};
        // systemd sets SO_REUSEADDR, with which any user could take the clients of a UDP port.
        if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0 ||
            (found->role.ends_with("-udp") && !turn(fd.get(), SOL_SOCKET, SO_REUSEADDR, 0)))
            throwErrno("take a socket over");
        listeners_.push_back({std::move(*found), std::move(fd)});
        wanted.erase(found);
    }
}

void ListenSockets::inherit(Handover& handover, const std::vector<ListenEndpoint>& wanted) {
    for (const ListenEndpoint& endpoint : wanted) {
        UniqueFd fd = takeFd(handover, endpoint.process + '/' + endpoint.role);
        if (isBoundAs(fd.get(), endpoint))
            listeners_.push_back({endpoint, std::move(fd)});
    }
}

int ListenSockets::fd(const ListenEndpoint& endpoint) const {
    const auto found = std::ranges::find(listeners_, endpoint, &Listener::endpoint);
    if (found == listeners_.end())
        throw std::out_of_range{"no listener for " + endpoint.role};
    return found->fd.get();
}

int ListenSockets::revived(const ListenEndpoint& endpoint) const {
    const int socket = fd(endpoint);
    if (endpoint.role.ends_with("-tcp") && ::listen(socket, SOMAXCONN) != 0)
        throwErrno("listen for " + endpoint.role);
    return socket;
}

} // namespace mmsd::supervisor
