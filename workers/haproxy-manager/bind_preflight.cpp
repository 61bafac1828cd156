// SPDX-License-Identifier: MIT
// Whether a port can be bound, asked without disturbing whoever listens there.
#include "workers/haproxy-manager/bind_preflight.h"

#include "common/unique_fd.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace mmsd::haproxy {

std::optional<std::string> whyNotBindable(const InetEndpoint& where) noexcept {
    sockaddr_storage address{};
    const socklen_t size = where.toSockaddr(address);
    const UniqueFd socket{::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int on = 1;
    if (socket.isDefined() &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0)
        return std::nullopt;
    return where.toString() + " cannot be bound: " + std::generic_category().message(errno);
}

} // namespace mmsd::haproxy
