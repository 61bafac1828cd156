// SPDX-License-Identifier: MIT
// Tests of TcpService and TcpConnection over real sockets with a timer that the test drives.
#include "common/event_loop.h"
#include "common/sys_error.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/unit/dns/asking.h"
#include "tests/unit/dns/state_builder.h"
#include "workers/dns-server/dns_sockets.h"
#include "workers/dns-server/tcp_service.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

using Octets = std::vector<std::uint8_t>;

/** A server for TCP, at an address that the kernel chose. */
struct TcpServer : Server {
    explicit TcpServer(std::size_t clientLimit = kMaxTcpClients) : Server{options()} {
        protocol::App web = app("/web", {port("http")});
        for (unsigned i = 0; i < 200; ++i)
            web.instances.push_back(
                instance("t" + std::to_string(i), "10.0.0." + std::to_string(i), {31000}));
        update(zone, {shared(web)});
        UniqueFd listener = openTcpListener({ip("127.0.0.1"), 0});
        sockaddr_storage bound;
        socklen_t size = sizeof bound;
        REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0);
        address = bound;
        prepareTcpListener(listener);
        service.emplace(loop, timers, std::move(listener), clientLimit, responder, counters);
        service->start();
    }

    /** @param from 127.0.0.0/8: another client each */
    [[nodiscard]] UniqueFd connect(const char* from = "127.0.0.1") {
        UniqueFd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_storage own;
        const socklen_t length = InetEndpoint{ip(from), 0}.toSockaddr(own);
        REQUIRE(::bind(client.get(), reinterpret_cast<const sockaddr*>(&own), length) == 0);
        REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address),
                          sizeof(sockaddr_in)) == 0);
        const timeval limit{5, 0};
        ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        const int on = 1; // what is sent in pieces must not wait for an acknowledgement
        ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        turn();
        return client;
    }
    /** Lets the server do all that it can now. */
    void turn() {
        for (int i = 0; i < 20; ++i)
            loop.poll();
    }

    EventLoop loop;
    mmsd::test::FakeTimerFactory timers;
    sockaddr_storage address{};
    std::optional<TcpService> service;
};

Octets framed(const Octets& message) {
    Octets all{static_cast<std::uint8_t>(message.size() >> 8),
               static_cast<std::uint8_t>(message.size())};
    all.insert(all.end(), message.begin(), message.end());
    return all;
}

void send(const UniqueFd& client, const Octets& octets) {
    REQUIRE(::send(client.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
}

/** Reads one framed reply; empty at the end of the stream. */
Octets receive(const UniqueFd& client) {
    std::array<std::uint8_t, 2> head{};
    if (::recv(client.get(), head.data(), 2, MSG_WAITALL) != 2)
        return {};
    Octets message(getU16(head.data()));
    if (::recv(client.get(), message.data(), message.size(), MSG_WAITALL) !=
        static_cast<ssize_t>(message.size()))
        return {};
    return message;
}

bool isClosed(const UniqueFd& client) {
    std::uint8_t octet = 0;
    const ssize_t size = ::recv(client.get(), &octet, 1, MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno == ECONNRESET);
}

} // namespace

TEST_CASE("tcp: pipelined queries are answered whole and in order", "[dns][tcp]") {
    TcpServer server;
    const UniqueFd client = server.connect();
    Octets all;
    for (std::uint8_t i = 0; i < 30; ++i) {
        Octets query = makeQuery("web.mmsd.", kTypeA);
        query[1] = i;
        const Octets one = framed(query);
        all.insert(all.end(), one.begin(), one.end());
    }
    send(client, all);
    server.turn();
    for (std::uint8_t i = 0; i < 30; ++i) {
        const ParsedReply reply = parseReply(receive(client));
        CHECK((reply.id & 0xff) == i);
        CHECK(reply.answer.size() == 200);
        CHECK_FALSE(reply.has(kFlagTruncated));
        server.turn();
    }
}

TEST_CASE("tcp: a query may come octet by octet", "[dns][tcp]") {
    TcpServer server;
    const UniqueFd client = server.connect();
    for (const std::uint8_t octet : framed(makeQuery("web.mmsd.", kTypeSoa))) {
        send(client, {octet});
        server.turn();
    }
    CHECK(parseReply(receive(client)).authority.size() == 1);
}

TEST_CASE("tcp: who finishes sending still gets its answer, then the end", "[dns][tcp]") {
    TcpServer server;
    const UniqueFd client = server.connect();
    send(client, framed(makeQuery("web.mmsd.", kTypeA)));
    ::shutdown(client.get(), SHUT_WR);
    server.turn();
    CHECK(parseReply(receive(client)).answer.size() == 200);
    server.turn();
    CHECK(isClosed(client));
    CHECK(server.service->clientCount() == 0);
}

TEST_CASE("tcp: what is no query ends the connection", "[dns][tcp]") {
    TcpServer server;
    for (const Octets& bad : {Octets{0xff, 0xff, 1}, Octets{0, 0}, Octets{0, 3, 1, 2, 3}}) {
        const UniqueFd client = server.connect();
        send(client, bad);
        server.turn();
        CHECK(isClosed(client));
    }
    CHECK(server.service->clientCount() == 0);
}

TEST_CASE("tcp: idle and trickling clients are cut, busy ones are not", "[dns][tcp]") {
    TcpServer server;
    const UniqueFd idle = server.connect();
    const UniqueFd trickling = server.connect();
    const UniqueFd busy = server.connect();
    CHECK(server.service->clientCount() == 3);
    for (int second = 0; second < 12; ++second) {
        send(busy, framed(makeQuery("none.mmsd.", kTypeA)));
        if (second < 9)
            send(trickling, {second == 1 ? std::uint8_t{200} : std::uint8_t{0}});
        server.turn();
        CHECK_FALSE(receive(busy).empty());
        server.timers.advance(std::chrono::seconds{1});
        server.turn();
    }
    CHECK(isClosed(idle));
    CHECK(isClosed(trickling));
    CHECK_FALSE(isClosed(busy));
    CHECK(server.counters.tcpTimedOut == 2);
}

TEST_CASE("tcp: who does not read is not read from, and cut in the end", "[dns][tcp]") {
    TcpServer server;
    const UniqueFd client = server.connect();
    const Octets query = framed(makeQuery("web.mmsd.", kTypeA));
    std::size_t sent = 0;
    for (int i = 0; i < 20'000; ++i) {
        const ssize_t size =
            ::send(client.get(), query.data(), query.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size != static_cast<ssize_t>(query.size()))
            break;
        ++sent;
        server.loop.poll();
    }
    const auto answered = server.counters.of(Transport::Tcp).responses[0];
    CHECK(answered < sent);
    for (int second = 0; second < 12; ++second) {
        server.timers.advance(std::chrono::seconds{1});
        server.turn();
    }
    CHECK(server.service->clientCount() == 0);
}

TEST_CASE("tcp: at the limit the longest quiet client gives way", "[dns][tcp]") {
    TcpServer server{2};
    const UniqueFd first = server.connect("127.0.0.1");
    const UniqueFd second = server.connect("127.0.0.2");
    server.timers.advance(std::chrono::seconds{1});
    send(first, framed(makeQuery("web.mmsd.", kTypeSoa)));
    server.turn();
    CHECK_FALSE(receive(first).empty());
    const UniqueFd third = server.connect("127.0.0.3");
    CHECK(server.service->clientCount() == 2);
    CHECK(isClosed(second));
    CHECK_FALSE(isClosed(first));
    CHECK(server.counters.tcpEvicted == 1);
}

TEST_CASE("tcp: one client cannot drive out the others", "[dns][tcp]") {
    TcpServer server{16};
    const UniqueFd quiet = server.connect("127.0.0.1");
    std::vector<UniqueFd> greedy;
    for (int i = 0; i < 40; ++i)
        greedy.push_back(server.connect("127.0.0.2"));
    CHECK(server.service->clientCount() == 1 + 16 / kTcpClientShare);
    CHECK_FALSE(isClosed(quiet));
    // Its own longest quiet ones gave way, so it is served all the same.
    CHECK(isClosed(greedy.front()));
    send(greedy.back(), framed(makeQuery("web.mmsd.", kTypeSoa)));
    server.turn();
    CHECK_FALSE(receive(greedy.back()).empty());
    CHECK(server.counters.tcpEvicted == 40 - 16 / kTcpClientShare);
    // Many clients together still find room at the expense of the quietest.
    std::vector<UniqueFd> others;
    for (int i = 3; i < 15; ++i)
        others.push_back(server.connect(("127.0.0." + std::to_string(i)).c_str()));
    CHECK(server.service->clientCount() == 16);
    CHECK(isClosed(quiet));
}

TEST_CASE("tcp: finishing answers what has arrived", "[dns][tcp]") {
    TcpServer server;
    const UniqueFd client = server.connect();
    send(client, framed(makeQuery("web.mmsd.", kTypeA)));
    server.service->finish();
    CHECK(parseReply(receive(client)).answer.size() == 200);
    CHECK(isClosed(client));
}

TEST_CASE("tcp: who has connected and not asked yet is awaited", "[dns][tcp]") {
    TcpServer server;
    CHECK_FALSE(server.service->isAwaited());
    const UniqueFd client = server.connect();
    server.service->stopAccepting();
    CHECK(server.service->isAwaited());
    const Octets query = framed(makeQuery("web.mmsd.", kTypeA));
    send(client, query);
    server.turn();
    CHECK(parseReply(receive(client)).answer.size() == 200);
    CHECK_FALSE(server.service->isAwaited());
    send(client, {query.begin(), query.begin() + 5});
    server.turn();
    CHECK(server.service->isAwaited());
    send(client, {query.begin() + 5, query.end()});
    server.turn();
    CHECK(parseReply(receive(client)).answer.size() == 200);
    CHECK_FALSE(server.service->isAwaited());
    // Who comes now waits for the next one that serves the listener.
    const UniqueFd late = server.connect();
    CHECK(server.service->clientCount() == 1);
}
