// SPDX-License-Identifier: MIT
// Whether a port can be bound, asked without disturbing whoever listens there.
#include "workers/haproxy-manager/bind_preflight.h"

#include "common/unique_fd.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace mmsd::haproxy {

namespace {

/** @return 0, or errno */
int tryToBind(const InetEndpoint& where, bool sharesPort) noexcept {
    sockaddr_storage address{};
    const socklen_t size = where.toSockaddr(address);
    const UniqueFd socket{::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int on = 1;
    const int shares = sharesPort ? 1 : 0;
    if (socket.isDefined() &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &shares, sizeof shares) == 0 &&
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0)
        return 0;
    return errno;
}

} // namespace

std::optional<std::string> whyNotBindable(const InetEndpoint& where, bool maySharePort) {
    int error = tryToBind(where, maySharePort);
    if (error == 0)
        return std::nullopt;
    const bool isOwnUsers = error == EADDRINUSE && !maySharePort && tryToBind(where, true) == 0;
    return where.toString() + " cannot be bound: " +
           (isOwnUsers ? "another process of this user listens there"
                       : std::generic_category().message(error));
}

} // namespace mmsd::haproxy
