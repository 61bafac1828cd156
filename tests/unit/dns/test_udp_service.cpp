// SPDX-License-Identifier: MIT
// Tests of UdpService and DatagramBatch over real sockets.
#include "common/event_loop.h"
#include "tests/support/catch.h"
#include "tests/unit/dns/asking.h"
#include "tests/unit/dns/state_builder.h"
#include "workers/dns-server/dns_sockets.h"
#include "workers/dns-server/udp_service.h"

#include <sys/socket.h>

#include <map>
#include <optional>

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

using Octets = std::vector<std::uint8_t>;

struct UdpServer : Server {
    explicit UdpServer(const std::string& bindTo = "127.0.0.1") : Server{options()} {
        std::vector<AppPointer> apps;
        for (int i = 0; i < 50; ++i)
            apps.push_back(shared(app("/web" + std::to_string(i), {dns::test::port("http")},
                                      {instance("t" + std::to_string(i), "10.0.0.1", {31000})})));
        update(zone, apps);
        UniqueFd socket = openUdpSocket({ip(bindTo), 0});
        sockaddr_storage address;
        socklen_t size = sizeof address;
        REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port = InetEndpoint::fromSockaddr(reinterpret_cast<sockaddr*>(&address), size)->port;
        prepareUdpSocket(socket);
        service.emplace(loop, std::move(socket), responder, counters);
        service->start();
    }

    /** A client that takes answers only from the address that it asks. */
    [[nodiscard]] UniqueFd client(const std::string& server, const std::string& from = "") const {
        sockaddr_storage address;
        const socklen_t size = InetEndpoint{ip(server), port}.toSockaddr(address);
        UniqueFd made{::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        if (!from.empty()) {
            sockaddr_storage own;
            const socklen_t ownSize = InetEndpoint{ip(from), 0}.toSockaddr(own);
            REQUIRE(::bind(made.get(), reinterpret_cast<sockaddr*>(&own), ownSize) == 0);
        }
        REQUIRE(::connect(made.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        return made;
    }
    void turn() {
        for (int i = 0; i < 50; ++i)
            loop.poll();
    }

    EventLoop loop;
    std::uint16_t port = 0;
    std::optional<UdpService> service;
};

void send(const UniqueFd& client, const Octets& query) {
    REQUIRE(::send(client.get(), query.data(), query.size(), 0) ==
            static_cast<ssize_t>(query.size()));
}

Octets receive(const UniqueFd& client) {
    Octets reply(4'096);
    const ssize_t size = ::recv(client.get(), reply.data(), reply.size(), MSG_DONTWAIT);
    reply.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return reply;
}

/** Queries of several sizes by number, so that each reply can be told from the others. */
Octets numbered(unsigned number) {
    Octets query = makeQuery("web" + std::to_string(number % 50) + ".mmsd.",
                             number % 3 == 0 ? kTypeSrv : kTypeA);
    query[0] = static_cast<std::uint8_t>(number >> 8);
    query[1] = static_cast<std::uint8_t>(number);
    return query;
}

} // namespace

TEST_CASE("udp: many clients with many queries each get their own answers", "[dns][udp]") {
    UdpServer server;
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 7; ++i)
        clients.push_back(server.client("127.0.0.1"));
    for (unsigned number = 0; number < 700; ++number) {
        send(clients[number % clients.size()], numbered(number));
        if (number % 70 == 69)
            server.turn();
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
        std::map<unsigned, std::string> questions;
        for (Octets reply = receive(clients[i]); !reply.empty(); reply = receive(clients[i])) {
            const ParsedReply parsed = parseReply(reply);
            CHECK(parsed.answer.size() == 1);
            questions[parsed.id] = parsed.question;
        }
        CHECK(questions.size() == 100);
        for (const auto& [number, question] : questions) {
            CHECK(number % clients.size() == i);
            CHECK(question == "web" + std::to_string(number % 50) + ".mmsd.");
        }
    }
    CHECK(server.counters.of(Transport::Udp).dropped == 0);
}

TEST_CASE("udp: answers leave from the address that was asked", "[dns][udp]") {
    for (const char* bindTo : {"0.0.0.0", "::"}) {
        UdpServer server{bindTo};
        // Two queries each: alone and as segments.
        for (const char* asked : {"127.0.0.1", "127.0.0.2", "127.9.8.7"}) {
            const UniqueFd client = server.client(asked, "127.0.0.1");
            send(client, numbered(1));
            send(client, numbered(1));
            server.turn();
            CHECK_FALSE(receive(client).empty());
            CHECK_FALSE(receive(client).empty());
        }
    }
    UdpServer server{"::"};
    const UniqueFd client = server.client("::1");
    send(client, numbered(1));
    send(client, numbered(4));
    server.turn();
    CHECK_FALSE(receive(client).empty());
    CHECK_FALSE(receive(client).empty());
}

TEST_CASE("udp: rubbish is dropped or told so, and costs no answer", "[dns][udp]") {
    UdpServer server;
    const UniqueFd client = server.client("127.0.0.1");
    send(client, {});
    send(client, {1, 2, 3});
    send(client, Octets(1'501, 0));
    send(client, Octets(12, 0));
    send(client, numbered(1));
    server.turn();
    CHECK(parseReply(receive(client)).answer.size() + parseReply(receive(client)).answer.size() ==
          1);
    CHECK(receive(client).empty());
    CHECK(server.counters.of(Transport::Udp).dropped == 3);
    CHECK(server.counters.of(Transport::Udp).malformed == 4);
}

TEST_CASE("udp: many waiting queries keep nothing else from its turn", "[dns][udp]") {
    constexpr unsigned kQueries = 700;
    constexpr std::uint64_t kMostPerTurn = 256 + DatagramBatch::kCapacity;
    UdpServer server;
    const UniqueFd client = server.client("127.0.0.1");
    for (unsigned number = 0; number < kQueries; ++number)
        send(client, numbered(number));
    const auto& noError =
        server.counters.of(Transport::Udp).responses[static_cast<std::size_t>(RcodeSlot::NoError)];
    std::uint64_t before = 0;
    for (unsigned turns = 0; noError < kQueries && turns < 50; ++turns) {
        server.loop.poll();
        CHECK(noError - before <= kMostPerTurn);
        before = noError;
    }
    CHECK(noError == kQueries);
}

TEST_CASE("udp: finishing answers what has arrived and leaves the rest", "[dns][udp]") {
    UdpServer server;
    const UniqueFd client = server.client("127.0.0.1");
    for (unsigned number = 0; number < 100; ++number)
        send(client, numbered(number));
    server.service->finish();
    for (unsigned number = 0; number < 100; ++number)
        CHECK_FALSE(receive(client).empty());
    send(client, numbered(1));
    server.turn();
    CHECK(receive(client).empty());
}
