// SPDX-License-Identifier: MIT
// Descriptors that the supervisor left open for a worker, checked before use.
#include "workers/runtime/inherited_fds.h"

#include "common/start_error.h"
#include "common/sys_error.h"
#include "protocol/limits.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <set>

namespace mmsd::worker {

namespace {

/** An integer socket option, or -1 where @p fd is no socket. */
int socketOption(int fd, int option) noexcept {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

void makePrivate(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        throwErrno("prepare descriptor " + std::to_string(fd));
}

bool isWhatTheRoleSays(int fd, std::string_view role) noexcept {
    const int domain = socketOption(fd, SO_DOMAIN);
    const int type = socketOption(fd, SO_TYPE);
    if (role.ends_with("-store"))
        return domain == AF_UNIX && type == SOCK_SEQPACKET;
    if (domain != AF_INET && domain != AF_INET6)
        return false;
    if (role.ends_with("-tcp"))
        return type == SOCK_STREAM && socketOption(fd, SO_ACCEPTCONN) == 1;
    return role.ends_with("-udp") && type == SOCK_DGRAM;
}

} // namespace

UniqueFd adoptChannel() {
    if (socketOption(kChannelFd, SO_DOMAIN) != AF_UNIX ||
        socketOption(kChannelFd, SO_TYPE) != SOCK_STREAM)
        throw StartError{ExitCode::Usage, "this program is started by mmsd; to run it alone, use "
                                          "--foreground --snapshot FILE"};
    makePrivate(kChannelFd);
    return UniqueFd{kChannelFd};
}

std::map<std::string, UniqueFd, std::less<>>
adoptSockets(const std::vector<protocol::SocketRole>& roles) {
    std::map<std::string, UniqueFd, std::less<>> sockets;
    std::set<int> seen;
    for (const protocol::SocketRole& role : roles) {
        const int fd = role.fd;
        if (fd < protocol::kFirstSocketFd || !seen.insert(fd).second ||
            sockets.contains(role.role) || !isWhatTheRoleSays(fd, role.role))
            throw StartError{ExitCode::OperatingSystem, "inherited descriptor " +
                                                            std::to_string(fd) + " is no " +
                                                            role.role + " socket"};
        makePrivate(fd);
        sockets.emplace(role.role, UniqueFd{fd});
    }
    return sockets;
}

} // namespace mmsd::worker
