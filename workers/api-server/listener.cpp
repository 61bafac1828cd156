// SPDX-License-Identifier: MIT
// The API's listening socket.
#include "workers/api-server/listener.h"

#include "common/sys_error.h"

#include <netinet/tcp.h>

#include <algorithm>

namespace mmsd::api {

namespace {

constexpr int kBacklog = 1'024; ///< clients; they wait here while the process is replaced

void setFlag(const UniqueFd& socket, int level, int option, const char* name) {
    const int on = 1;
    if (::setsockopt(socket.get(), level, option, &on, sizeof on) != 0)
        throwErrno(std::string{"set "} + name);
}

} // namespace

UniqueFd openListener(const InetEndpoint& endpoint) {
    const std::string name = endpoint.toString();
    sockaddr_storage address;
    const socklen_t length = endpoint.toSockaddr(address);
    UniqueFd listener{
        ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
    if (!listener.isDefined())
        throwErrno("open a socket for " + name);
    setFlag(listener, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::listen(listener.get(), kBacklog) != 0)
        throwErrno("listen on " + name);
    return listener;
}

void prepareListener(const UniqueFd& listener) {
    setFlag(listener, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
}

} // namespace mmsd::api
