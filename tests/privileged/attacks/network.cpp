// SPDX-License-Identifier: MIT
// Attacks over the network: calling home, opening doors, sockets that speak to the kernel.
#include "tests/privileged/attacks/attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mmsd::attack {

namespace {

/** Inherited from the supervisor; -1 (EBADF) where a process gets none. */
int inheritedListener() {
    return victimNumber("MMSD_INHERITED_TCP");
}

int inheritedDatagrams() {
    return victimNumber("MMSD_INHERITED_UDP");
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

/** As the process's own sockets are opened. */
long openSocket(int family, int type, int protocol = 0) {
    return ::syscall(SYS_socket, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

int trySocket(int family, int type, int protocol = 0) {
    return outcome(openSocket(family, type, protocol));
}

int connectTcp() {
    const long socket = openSocket(AF_INET, SOCK_STREAM);
    if (socket < 0)
        return errno;
    const sockaddr_in address = loopback(victimNumber("MMSD_TCP_PORT"));
    const int error = outcome(::syscall(SYS_connect, socket, &address, sizeof address));
    return error == EINPROGRESS ? 0 : error;
}

int fastOpen(long socket) {
    const sockaddr_in address = loopback(victimNumber("MMSD_TCP_PORT"));
    const int error =
        outcome(::syscall(SYS_sendto, socket, "x", 1, MSG_FASTOPEN, &address, sizeof address));
    return error == EINPROGRESS ? 0 : error;
}

/** Connects without connect(2): Landlock has no rule for it. */
int fastOpenTcp() {
    const long socket = openSocket(AF_INET, SOCK_STREAM);
    return socket < 0 ? errno : fastOpen(socket);
}

/** Makes a client of the inherited listener: shut down, it can connect. */
int fastOpenListener() {
    if (::syscall(SYS_shutdown, inheritedListener(), SHUT_RD) != 0)
        return errno;
    return fastOpen(inheritedListener());
}

int sendFromInherited() {
    sockaddr_in address = loopback(victimNumber("MMSD_UDP_PORT"));
    iovec part{const_cast<char*>("x"), 1};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return outcome(
        ::syscall(SYS_sendmsg, inheritedDatagrams(), &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int sendUdp() {
    const long socket = openSocket(AF_INET, SOCK_DGRAM);
    if (socket < 0)
        return errno;
    const sockaddr_in address = loopback(victimNumber("MMSD_UDP_PORT"));
    if (::syscall(SYS_connect, socket, &address, sizeof address) != 0)
        return errno;
    return outcome(::syscall(SYS_sendto, socket, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0));
}

int connectUnix(const char* path, bool isAbstract) {
    const long socket = openSocket(AF_UNIX, SOCK_STREAM);
    if (socket < 0)
        return errno;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path + (isAbstract ? 1 : 0), path, sizeof address.sun_path - 2);
    const std::size_t size = offsetof(sockaddr_un, sun_path) + std::strlen(path) + 1;
    return outcome(::syscall(SYS_connect, socket, &address, size));
}

int bindPort(int type, int port, bool shallListen) {
    const long socket = openSocket(AF_INET, type);
    if (socket < 0)
        return errno;
    const sockaddr_in address = loopback(port);
    if (::syscall(SYS_bind, socket, &address, sizeof address) != 0)
        return errno;
    return shallListen ? outcome(::syscall(SYS_listen, socket, 1)) : 0;
}

const Attack kAttacks[] = {
    {"network", "connect over TCP", connectTcp},
    {"network", "connect over TCP without connect(2)", fastOpenTcp, true},
    {"network", "connect with the inherited listener", fastOpenListener},
    {"network", "shut the inherited listener down",
     [] { return outcome(::syscall(SYS_shutdown, inheritedListener(), SHUT_RDWR)); }},
    {"network", "send UDP from a new socket", sendUdp},
    {"network", "send UDP from an inherited socket", sendFromInherited},
    {"network", "send urgent data", // a flag that no process uses
     [] {
         const int error = outcome(::syscall(SYS_sendto, inheritedListener(), "x", 1,
                                             MSG_OOB | MSG_NOSIGNAL, nullptr, 0));
         return error == ENOTCONN || error == EPIPE ? 0 : error;
     }},
    {"network", "multipath TCP", [] { return trySocket(AF_INET, SOCK_STREAM, 262); }, true},
    {"network", "connect to a Unix socket",
     [] { return connectUnix(victim("MMSD_UNIX_PATH"), false); }},
    {"network", "connect to an abstract Unix socket",
     [] { return connectUnix(victim("MMSD_ABSTRACT_NAME"), true); }},
    {"network", "make a socket pair",
     [] {
         int ends[2];
         return outcome(::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends));
     }},
    {"network", "listen on a TCP port", [] { return bindPort(SOCK_STREAM, 0, true); }},
    {"network", "bind a UDP port", [] { return bindPort(SOCK_DGRAM, 0, false); }},
    {"network", "bind UDP port 1", [] { return bindPort(SOCK_DGRAM, 1, false); }},
    {"network", "bind TCP port 1", [] { return bindPort(SOCK_STREAM, 1, false); }},
    {"network", "speak to the kernel (netlink)", [] { return trySocket(AF_NETLINK, SOCK_RAW); }},
    {"network", "listen to the wire (packet)", [] { return trySocket(AF_PACKET, SOCK_RAW); }, true},
    {"network", "forge packets (raw)", [] { return trySocket(AF_INET, SOCK_RAW, IPPROTO_UDP); },
     true},
    {"network", "SCTP", [] { return trySocket(AF_INET, SOCK_STREAM, IPPROTO_SCTP); }, true},
    {"network", "kernel crypto (alg)", [] { return trySocket(AF_ALG, SOCK_SEQPACKET); }, true},
    {"network", "vsock", [] { return trySocket(AF_VSOCK, SOCK_STREAM); }, true},
};

} // namespace

std::span<const Attack> networkAttacks() noexcept {
    return kAttacks;
}

} // namespace mmsd::attack
