// SPDX-License-Identifier: MIT
// Tests of leaving sockets to the next process.
#include "tests/support/catch.h"
#include "workers/udp-balancer/socket_store.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>

using namespace mmsd;
using namespace mmsd::udp;

namespace {

UniqueFd openSocket() {
    return UniqueFd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
}

std::uint64_t cookie(int fd) {
    std::uint64_t value = 0;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &size) == 0);
    return value;
}

/** What the supervisor has: both ends, for one process after another. */
class Pair {
public:
    Pair() {
        // What is in flight counts, too; the limit of a shell or a package builder may be 1 024.
        rlimit limit{};
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
        limit.rlim_cur = limit.rlim_max;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                             ends.data()) == 0);
        in_.reset(ends[0]);
        out_.reset(ends[1]);
    }
    [[nodiscard]] SocketStore open() const {
        return {UniqueFd{::dup(in_.get())}, UniqueFd{::dup(out_.get())}};
    }
    [[nodiscard]] int in() const { return in_.get(); }
    [[nodiscard]] int out() const { return out_.get(); }

private:
    UniqueFd in_;
    UniqueFd out_;
};

bool isEmpty(int fd) {
    std::byte octet{};
    return ::recv(fd, &octet, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

InetEndpoint endpoint(const char* address, std::uint16_t port) {
    return {IpAddress::parse(address).value(), port};
}

} // namespace

TEST_CASE("socket store: a successor gets the newest set of sockets", "[udp][store]") {
    const Pair pair;
    const UniqueFd a = openSocket();
    const UniqueFd b = openSocket();
    {
        SocketStore store = pair.open();
        CHECK(store.take().services.empty());
        CHECK(store.keepServices({{1, a.get()}}));
        CHECK(store.keepServices({{1, a.get()}, {2, b.get()}}));
        CHECK(store.keepServices({{2, b.get()}}));
    }
    SocketStore successor = pair.open();
    const StoredSockets stored = successor.take();
    REQUIRE(stored.services.size() == 1);
    CHECK(cookie(stored.services.at(2).get()) == cookie(b.get()));
    CHECK((::fcntl(stored.services.at(2).get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(isEmpty(pair.out()));
    CHECK(successor.keepServices({}));
    CHECK(isEmpty(pair.out()));
}

TEST_CASE("socket store: many sockets", "[udp][store]") {
    const Pair pair;
    const UniqueFd socket = openSocket();
    std::map<std::uint16_t, int> services;
    for (std::uint16_t port = 1; port <= 2'048; ++port)
        services[port] = socket.get();
    {
        SocketStore store = pair.open();
        for (int i = 0; i < 5; ++i)
            REQUIRE(store.keepServices(services));
    }
    CHECK(pair.open().take().services.size() == 2'048);
    CHECK(isEmpty(pair.out()));
}

TEST_CASE("socket store: sessions come back as they were", "[udp][store]") {
    const Pair pair;
    std::vector<StoredSession> sessions;
    for (std::uint16_t i = 0; i < 600; ++i) {
        StoredSession session;
        session.servicePort = i;
        session.client = endpoint(i % 2 == 0 ? "10.0.0.1" : "fd00::1", i);
        if (i % 3 != 0)
            session.target = endpoint("192.168.0.1", 53);
        session.asked = {IpAddress::parse("fe80::1").value(), 7, true};
        session.isV6 = i % 5 == 0;
        session.lastUse = TimePoint{std::chrono::nanoseconds{i * 1'000'000'007L}};
        session.socket = openSocket();
        sessions.push_back(std::move(session));
    }
    {
        SocketStore store = pair.open();
        CHECK(store.keepSessions(sessions) == sessions.size());
    }
    const StoredSockets stored = pair.open().take();
    REQUIRE(stored.sessions.size() == sessions.size());
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        const StoredSession& before = sessions[i];
        const StoredSession& after = stored.sessions[i];
        REQUIRE(after.servicePort == before.servicePort);
        REQUIRE(after.client == before.client);
        REQUIRE(after.target == before.target);
        REQUIRE(after.asked == before.asked);
        REQUIRE(after.isV6 == before.isV6);
        REQUIRE(after.lastUse == before.lastUse);
        REQUIRE(cookie(after.socket.get()) == cookie(before.socket.get()));
    }
}

TEST_CASE("socket store: what is malformed is ignored", "[udp][store]") {
    const Pair pair;
    const auto send = [&](std::string_view octets) {
        REQUIRE(::send(pair.in(), octets.data(), octets.size(), 0) >= 0);
    };
    const std::string_view message =
        GENERATE(std::string_view{"\x01", 1}, std::string_view{"\x02\x00\x01\x02", 4},
                 std::string_view{"\x01\x00\x01\x02", 4}, std::string_view{"\x01\x07", 2},
                 std::string_view{"garbage that nobody sent"});
    send(message);
    const StoredSockets stored = pair.open().take();
    CHECK(stored.services.empty());
    CHECK(stored.sessions.empty());
}

TEST_CASE("socket store: works without a store", "[udp][store]") {
    SocketStore store{UniqueFd{}, UniqueFd{}};
    CHECK_FALSE(store.isDefined());
    CHECK(store.take().services.empty());
    CHECK_FALSE(store.keepServices({}));
    CHECK(store.keepSessions({}) == 0);
}
