// SPDX-License-Identifier: MIT
// The API's listening socket.
#include "workers/api-server/listener.h"

#include "common/sys_error.h"

#include <netinet/tcp.h>

#include <algorithm>

namespace mmsd::api {

namespace {

constexpr int kBacklog = 1'024; ///< clients; they wait here while the process is replaced

/** Until a silent client is asked whether it is still there, and between two such questions. */
constexpr int kProbeAfterSeconds = 30;
constexpr int kProbeEverySeconds = 10;
constexpr int kUnansweredProbes = 3;
/** Until a client counts as gone that acknowledges nothing of what is sent to it. */
constexpr int kAcknowledgeMilliseconds = 30'000;

/** Octets that the kernel keeps for one client in each direction. Left to itself it grows to
 *  megabytes for a client that reads slowly (tcp(7), tcp_wmem): with a thousand of these it took
 *  2 GB, and nobody on the host could send any more (tcp_mem). The kernel doubles it. */
constexpr int kSocketBuffer = 65'536;

void setOption(const UniqueFd& socket, int level, int option, int value, const char* name) {
    if (::setsockopt(socket.get(), level, option, &value, sizeof value) != 0)
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
    setOption(listener, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::listen(listener.get(), kBacklog) != 0)
        throwErrno("listen on " + name);
    return listener;
}

void prepareListener(const UniqueFd& listener) {
    setOption(listener, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    setOption(listener, SOL_SOCKET, SO_SNDBUF, kSocketBuffer, "SO_SNDBUF");
    setOption(listener, SOL_SOCKET, SO_RCVBUF, kSocketBuffer, "SO_RCVBUF");
    setOption(listener, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
    setOption(listener, IPPROTO_TCP, TCP_KEEPIDLE, kProbeAfterSeconds, "TCP_KEEPIDLE");
    setOption(listener, IPPROTO_TCP, TCP_KEEPINTVL, kProbeEverySeconds, "TCP_KEEPINTVL");
    setOption(listener, IPPROTO_TCP, TCP_KEEPCNT, kUnansweredProbes, "TCP_KEEPCNT");
    setOption(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, kAcknowledgeMilliseconds,
              "TCP_USER_TIMEOUT");
}

} // namespace mmsd::api
