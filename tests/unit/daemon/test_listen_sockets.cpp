// SPDX-License-Identifier: MIT
// Listeners are opened before others are closed, and kept where nothing changed.
#include "common/start_error.h"
#include "daemon/listen_sockets.h"
#include "tests/support/catch.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace mmsd::supervisor {

namespace {

ListenEndpoint endpoint(const char* role, const char* address, std::uint16_t port) {
    return {"server", role, {*IpAddress::parse(address), port}};
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
    const auto wanted = endpoint("api-tcp", "127.0.0.1", 0);
    const ListenSockets sockets = opened({wanted});
    const int fd = sockets.fd(wanted);
    CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(option(fd, SOL_SOCKET, SO_REUSEADDR) == 1);
    CHECK(option(fd, SOL_SOCKET, SO_REUSEPORT) == 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK(boundTo(fd).address.toString() == "127.0.0.1");
    CHECK_THROWS_AS(sockets.fd(endpoint("dns-tcp", "127.0.0.1", 0)), std::out_of_range);
}

TEST_CASE("listen sockets: IPv6 is IPv6 only", "[daemon]") {
    const auto wanted = endpoint("api-tcp", "::1", 0);
    ListenSockets sockets;
    try {
        sockets = opened({wanted});
    } catch (const StartError& error) {
        WARN("no IPv6 here: " << error.what());
        return;
    }
    CHECK(option(sockets.fd(wanted), IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

TEST_CASE("listen sockets: a UDP role is a datagram socket, alone on its port", "[daemon]") {
    const auto wanted = endpoint("dns-udp", "127.0.0.1", 0);
    const ListenSockets sockets = opened({wanted});
    const int fd = sockets.fd(wanted);
    CHECK(option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_THROWS_AS(opened({{"server", "dns-udp", boundTo(fd)}}), StartError);
}

TEST_CASE("listen sockets: an address in use is named", "[daemon]") {
    const auto wanted = endpoint("api-tcp", "127.0.0.1", 0);
    const ListenSockets first = opened({wanted});
    const InetEndpoint taken = boundTo(first.fd(wanted));
    try {
        (void)opened({{"server", "api-tcp", taken}});
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
    const InetEndpoint before = boundTo(sockets.fd(kept));
    const auto further = endpoint("dns-tcp", "127.0.0.1", 0);
    const std::vector both{kept, further};
    sockets.adopt(sockets.openMissing(both), both);
    CHECK(boundTo(sockets.fd(kept)) == before);
    CHECK(sockets.fd(further) >= 0);
    sockets.adopt(sockets.openMissing({kept}), {kept});
    CHECK(boundTo(sockets.fd(kept)) == before);
    CHECK_THROWS_AS(sockets.fd(further), std::out_of_range);
}

TEST_CASE("listen sockets: a failure leaves what is open alone", "[daemon]") {
    const auto kept = endpoint("api-tcp", "127.0.0.1", 0);
    const ListenSockets other = opened({endpoint("api-tcp", "127.0.0.1", 0)});
    const ListenSockets sockets = opened({kept});
    const int fd = sockets.fd(kept);
    CHECK_THROWS_AS(sockets.openMissing({{"server", "api-tcp", boundTo(other.fd(kept))}}),
                    StartError);
    CHECK(sockets.fd(kept) == fd);
    CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
}

TEST_CASE("listen sockets: what a process has shut down listens again for the next", "[daemon]") {
    InetEndpoint before;
    {
        const auto wanted = endpoint("api-tcp", "127.0.0.1", 0);
        const ListenSockets free = opened({wanted});
        before = boundTo(free.fd(wanted));
    }
    const ListenEndpoint listener{"server", "api-tcp", before};
    const ListenSockets sockets = opened({listener});
    const int fd = sockets.fd(listener);
    REQUIRE(::shutdown(fd, SHUT_RDWR) == 0);
    REQUIRE(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    CHECK(sockets.revived(listener) == fd);
    CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(boundTo(fd) == before);
}

TEST_CASE("listen sockets: processes of one port have a socket each, strangers none", "[daemon]") {
    const std::string role = GENERATE("dns-udp", "dns-tcp");
    InetEndpoint port;
    {
        const auto any = endpoint(role.c_str(), "127.0.0.1", 0);
        const ListenSockets free = opened({any});
        port = boundTo(free.fd(any));
    }
    const ListenEndpoint first{"dns-server", role, port};
    const ListenEndpoint second{"dns-server-2", role, port};
    ListenSockets sockets = opened({first});
    const int alone = sockets.fd(first);
    CHECK(option(alone, SOL_SOCKET, SO_REUSEPORT) == 0);

    // A reload brings the second: the first must not be opened anew.
    const std::vector both{first, second};
    sockets.adopt(sockets.openMissing(both), both);
    CHECK(sockets.fd(first) == alone);
    CHECK(sockets.fd(second) != alone);
    CHECK(boundTo(sockets.fd(second)) == port);
    CHECK(option(sockets.fd(second), SOL_SOCKET, SO_ACCEPTCONN) == (role == "dns-tcp"));

    // Another mmsd, as the same user, must not get a share of the clients.
    CHECK_THROWS_AS(opened({first}), StartError);
    CHECK_THROWS_AS(opened({first, second}), StartError);

    sockets.adopt(sockets.openMissing({first}), {first});
    CHECK(sockets.fd(first) == alone);
    CHECK_THROWS_AS(sockets.fd(second), std::out_of_range);
}

TEST_CASE("listen sockets: clients are divided among the processes of a port", "[daemon]") {
    const auto any = endpoint("dns-udp", "127.0.0.1", 0);
    InetEndpoint port = boundTo(opened({any}).fd(any));
    std::vector<ListenEndpoint> wanted;
    for (int i = 1; i <= 4; ++i)
        wanted.push_back({"dns-server-" + std::to_string(i), "dns-udp", port});
    const ListenSockets sockets = opened(wanted);

    sockaddr_storage address{};
    const socklen_t length = port.toSockaddr(address);
    constexpr int kClients = 200;
    for (int i = 0; i < kClients; ++i) {
        const UniqueFd client{::socket(AF_INET, SOCK_DGRAM, 0)};
        REQUIRE(::sendto(client.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&address),
                         length) == 1);
    }
    int all = 0;
    for (const ListenEndpoint& each : wanted) {
        int received = 0;
        char octet = 0;
        while (::recv(sockets.fd(each), &octet, 1, MSG_DONTWAIT) == 1)
            ++received;
        CHECK(received > kClients / 16);
        all += received;
    }
    CHECK(all == kClients);
}

TEST_CASE("listen sockets: a store is the two ends of one queue", "[daemon]") {
    const ListenEndpoint inEnd{"server", "udp-in-store", {}};
    const ListenEndpoint outEnd{"server", "udp-out-store", {}};
    const std::vector wanted{inEnd, outEnd};
    ListenSockets sockets = opened(wanted);
    const int in = sockets.fd(inEnd);
    const int out = sockets.fd(outEnd);
    CHECK(option(in, SOL_SOCKET, SO_TYPE) == SOCK_SEQPACKET);
    CHECK((::fcntl(in, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(out, F_GETFL) & O_NONBLOCK) != 0);
    REQUIRE(::send(in, "x", 1, 0) == 1);
    char octet = 0;
    CHECK(::recv(out, &octet, 1, 0) == 1);
    // As long as it is wanted it stays the same one.
    sockets.adopt(sockets.openMissing(wanted), wanted);
    CHECK(sockets.fd(inEnd) == in);
}

TEST_CASE("listen sockets: only what is bound as wanted is inherited", "[daemon]") {
    const auto copyOf = [](int fd) { return Inherited{UniqueFd{::dup(fd)}}; };
    const ListenEndpoint anyTcp = endpoint("api-tcp", "127.0.0.1", 0);
    const ListenEndpoint anyUdp = endpoint("dns-udp", "127.0.0.1", 0);
    const ListenEndpoint in{"server", "udp-in-store", {}};
    const ListenEndpoint out{"server", "udp-out-store", {}};
    const ListenSockets before = opened({anyTcp, anyUdp, in, out});
    const ListenEndpoint tcp{"server", "api-tcp", boundTo(before.fd(anyTcp))};
    const ListenEndpoint udp{"server", "dns-udp", boundTo(before.fd(anyUdp))};
    const std::vector wanted{tcp, udp, in, out};

    Handover handover;
    for (const auto& [listener, fd] : before.all())
        handover.emplace("server/" + listener.role, copyOf(fd.get()));
    ListenSockets after;
    after.inherit(handover, wanted);
    REQUIRE(after.all().size() == 4);
    CHECK(boundTo(after.fd(tcp)) == tcp.endpoint);
    CHECK(after.openMissing(wanted).all().empty());

    // The right names on the wrong things: another protocol, another kind, no socket, nothing.
    Handover wrong;
    wrong.emplace("server/api-tcp", copyOf(before.fd(anyUdp)));
    wrong.emplace("server/dns-udp", copyOf(before.fd(in)));
    wrong.emplace("server/udp-in-store", copyOf(STDIN_FILENO));
    wrong.emplace("server/udp-out-store", Inherited{});
    // Another process's, another port.
    wrong.emplace("other/api-tcp", copyOf(before.fd(anyTcp)));
    ListenSockets none;
    none.inherit(wrong, wanted);
    CHECK(none.all().empty());
    Handover elsewhere;
    elsewhere.emplace("server/api-tcp", copyOf(before.fd(anyTcp)));
    none.inherit(elsewhere, {endpoint("api-tcp", "127.0.0.1", 1)});
    CHECK(none.all().empty());
}

} // namespace mmsd::supervisor
