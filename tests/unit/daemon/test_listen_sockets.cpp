// SPDX-License-Identifier: MIT
// Listeners are opened before others are closed, and kept where nothing changed.
#include "daemon/listen_sockets.h"
#include "daemon/start_error.h"
#include "tests/support/catch.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace mmsd::supervisor {

namespace {

ListenEndpoint endpoint(const char* role, const char* address, std::uint16_t port) {
    return {role, {*IpAddress::parse(address), port}};
}

InetEndpoint boundTo(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    return *InetEndpoint::fromSockaddr(reinterpret_cast<const sockaddr*>(&address), length);
}

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    ::getsockopt(fd, level, name, &value, &length);
    return value;
}

ListenSockets opened(const std::vector<ListenEndpoint>& wanted) {
    ListenSockets sockets;
    sockets.adopt(sockets.openMissing(wanted), wanted);
    return sockets;
}

} // namespace

TEST_CASE("listen sockets: listening, close-on-exec, non-blocking", "[daemon]") {
    const ListenSockets sockets = opened({endpoint("api-tcp", "127.0.0.1", 0)});
    const int fd = sockets.fd("api-tcp");
    CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(option(fd, SOL_SOCKET, SO_REUSEADDR) == 1);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK(boundTo(fd).address.toString() == "127.0.0.1");
    CHECK_THROWS_AS(sockets.fd("dns-tcp"), std::out_of_range);
}

TEST_CASE("listen sockets: IPv6 is IPv6 only", "[daemon]") {
    ListenSockets sockets;
    try {
        sockets = opened({endpoint("api-tcp", "::1", 0)});
    } catch (const StartError& error) {
        WARN("no IPv6 here: " << error.what());
        return;
    }
    CHECK(option(sockets.fd("api-tcp"), IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

TEST_CASE("listen sockets: a UDP role is a datagram socket, alone on its port", "[daemon]") {
    const ListenSockets sockets = opened({endpoint("dns-udp", "127.0.0.1", 0)});
    const int fd = sockets.fd("dns-udp");
    CHECK(option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_THROWS_AS(opened({{"dns-udp", boundTo(fd)}}), StartError);
}

TEST_CASE("listen sockets: an address in use is named", "[daemon]") {
    const ListenSockets first = opened({endpoint("api-tcp", "127.0.0.1", 0)});
    const InetEndpoint taken = boundTo(first.fd("api-tcp"));
    try {
        (void)opened({{"api-tcp", taken}});
        FAIL("it could be bound twice");
    } catch (const StartError& error) {
        CHECK(error.code() == ExitCode::OperatingSystem);
        CHECK_THAT(error.what(), test::containsText(taken.toString()));
        CHECK_THAT(error.what(), test::containsText("api-tcp"));
    }
}

TEST_CASE("listen sockets: what is wanted as before stays open", "[daemon]") {
    const auto kept = endpoint("api-tcp", "127.0.0.1", 0);
    ListenSockets sockets = opened({kept});
    const InetEndpoint before = boundTo(sockets.fd("api-tcp"));
    const std::vector both{kept, endpoint("dns-tcp", "127.0.0.1", 0)};
    sockets.adopt(sockets.openMissing(both), both);
    CHECK(boundTo(sockets.fd("api-tcp")) == before);
    CHECK(sockets.fd("dns-tcp") >= 0);
    sockets.adopt(sockets.openMissing({kept}), {kept});
    CHECK(boundTo(sockets.fd("api-tcp")) == before);
    CHECK_THROWS_AS(sockets.fd("dns-tcp"), std::out_of_range);
}

TEST_CASE("listen sockets: a failure leaves what is open alone", "[daemon]") {
    const auto kept = endpoint("api-tcp", "127.0.0.1", 0);
    const ListenSockets other = opened({endpoint("api-tcp", "127.0.0.1", 0)});
    const ListenSockets sockets = opened({kept});
    const int fd = sockets.fd("api-tcp");
    CHECK_THROWS_AS(sockets.openMissing({{"api-tcp", boundTo(other.fd("api-tcp"))}}), StartError);
    CHECK(sockets.fd("api-tcp") == fd);
    CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
}

TEST_CASE("listen sockets: what a process has shut down listens again for the next", "[daemon]") {
    InetEndpoint before;
    {
        const ListenSockets free = opened({endpoint("api-tcp", "127.0.0.1", 0)});
        before = boundTo(free.fd("api-tcp"));
    }
    const ListenSockets sockets = opened({{"api-tcp", before}});
    const int fd = sockets.fd("api-tcp");
    REQUIRE(::shutdown(fd, SHUT_RDWR) == 0);
    REQUIRE(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    CHECK(sockets.revived("api-tcp") == fd);
    CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(boundTo(fd) == before);
}

} // namespace mmsd::supervisor
