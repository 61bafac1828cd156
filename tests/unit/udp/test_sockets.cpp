// SPDX-License-Identifier: MIT
// Tests of the balancer's sockets and batches, on the loopback interface.
#include "common/sys_error.h"
#include "tests/support/catch.h"
#include "workers/udp-balancer/datagram_batch.h"
#include "workers/udp-balancer/sockets.h"

#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

using namespace mmsd;
using namespace mmsd::udp;

namespace {

InetEndpoint endpoint(const char* address, std::uint16_t port = 0) {
    return {IpAddress::parse(address).value(), port};
}

InetEndpoint nameOf(const UniqueFd& fd) {
    SocketAddress address{};
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    return address.get();
}

void send(const UniqueFd& fd, const std::string& text) {
    REQUIRE(::send(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

void awaitInput(const UniqueFd& fd) {
    pollfd waiting{fd.get(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 5'000) == 1);
}

std::string textOf(std::span<const std::byte> payload) {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

} // namespace

TEST_CASE("sockets: addresses survive the way into the kernel's form", "[udp][sockets]") {
    SocketAddress address{};
    for (const char* const text : {"127.0.0.1", "::1", "fd00::7"}) {
        address.set(endpoint(text, 53));
        CHECK(address.get() == endpoint(text, 53));
        address.setMapped(endpoint(text, 54));
        CHECK(address.v6.sin6_family == AF_INET6);
        CHECK(address.get() == endpoint(text, 54));
    }
}

TEST_CASE("sockets: a port in use is an error that names it", "[udp][sockets]") {
    const UniqueFd first = openServiceSocket(endpoint("127.0.0.1"));
    const InetEndpoint taken = nameOf(first);
    CHECK(isBoundTo(first.get(), taken));
    CHECK_FALSE(isBoundTo(first.get(), endpoint("127.0.0.1", 1)));
    CHECK_FALSE(isBoundTo(0, taken));
    CHECK_THROWS_WITH(openServiceSocket(taken), test::containsText("UDP " + taken.toString()) &&
                                                    test::containsText("in use"));
    CHECK_THROWS_AS(openServiceSocket(endpoint("0.0.0.0", taken.port)), SysError);
}

TEST_CASE("sockets: a closed port is an error of the session", "[udp][sockets]") {
    UniqueFd closed = openServiceSocket(endpoint("127.0.0.1"));
    const UniqueFd session = openInstanceSocket(nameOf(closed));
    REQUIRE(session.isDefined());
    CHECK(takeError(session.get()) == 0);
    closed.reset();
    send(session, "x");
    pollfd waiting{session.get(), 0, 0};
    REQUIRE(::poll(&waiting, 1, 5'000) == 1);
    CHECK((waiting.revents & POLLERR) != 0);
    CHECK(takeError(session.get()) == ECONNREFUSED);
    // Error queue included: nothing is left that would wake the loop for ever.
    CHECK(::poll(&waiting, 1, 0) == 0);
}

TEST_CASE("sockets: no way to an instance is told at once", "[udp][sockets]") {
    const UniqueFd session = openInstanceSocket(endpoint("255.255.255.255", 9));
    const int error = errno;
    CHECK_FALSE(session.isDefined());
    // Without any route, as a package builder may be, the kernel does not come to the broadcast.
    CHECK((error == EACCES || error == ENETUNREACH));
}

TEST_CASE("batches: a wildcard socket knows which address was asked", "[udp][sockets]") {
    const bool isV6 = GENERATE(false, true);
    const UniqueFd service = openServiceSocket(endpoint(isV6 ? "::" : "0.0.0.0"));
    const InetEndpoint asked = endpoint(isV6 ? "::1" : "127.0.0.9", nameOf(service).port);
    const UniqueFd client = openInstanceSocket(asked);
    send(client, "hello");
    send(client, "");
    awaitInput(service);
    InboundBatch inbound;
    REQUIRE(inbound.receive(service.get()) == 2);
    CHECK(textOf(inbound.payload(0)) == "hello");
    CHECK(inbound.payload(1).empty());
    CHECK(inbound.client(0) == nameOf(client));
    CHECK(inbound.asked(0) == AskedAddress{asked.address, 0, true});
    CHECK(inbound.receive(service.get()) == 0);
    // Places of the last call are as good as new.
    send(client, "again");
    awaitInput(service);
    REQUIRE(inbound.receive(service.get()) == 1);
    CHECK(inbound.client(0) == nameOf(client));
    CHECK(inbound.asked(0).isKnown);
}

TEST_CASE("batches: a bound socket needs no address", "[udp][sockets]") {
    const UniqueFd service = openServiceSocket(endpoint("127.0.0.1"));
    const UniqueFd client = openInstanceSocket(nameOf(service));
    send(client, std::string(65'507, 'x'));
    awaitInput(service);
    InboundBatch inbound;
    REQUIRE(inbound.receive(service.get()) == 1);
    CHECK(inbound.payload(0).size() == 65'507);
    CHECK_FALSE(inbound.asked(0).isKnown);
}

TEST_CASE("batches: answers leave per socket and in order", "[udp][sockets]") {
    const UniqueFd instance = openServiceSocket(endpoint("127.0.0.1"));
    const UniqueFd session = openInstanceSocket(nameOf(instance));
    const UniqueFd fromInstance = openInstanceSocket(nameOf(session));
    // Strangers stay outside of a connected socket.
    send(fromInstance, "from a stranger");
    SocketAddress address{};
    const socklen_t length = address.set(nameOf(session));
    for (const char* const text : {"a0", "b0", "a1", "drop", "b1"})
        REQUIRE(::sendto(instance.get(), text, std::strlen(text), 0,
                         reinterpret_cast<const sockaddr*>(&address), length) > 0);
    awaitInput(session);
    ReplyBatch batch;
    REQUIRE(batch.receive(session.get(), true) == 5);
    for (const std::uint32_t service : {0u, 1u, 0u, 9u, 1u}) {
        CHECK(batch.source() == nameOf(instance));
        if (service == 9)
            batch.drop();
        else
            batch.address(service, endpoint("10.0.0.1", static_cast<std::uint16_t>(service)),
                          {IpAddress{}, 0, service == 1});
    }
    for (const std::uint32_t service : {0u, 1u}) {
        const auto run = batch.takeRun();
        REQUIRE(run);
        CHECK(run->service == service);
        REQUIRE(run->messages.size() == 2);
        for (std::size_t i = 0; i < 2; ++i) {
            const msghdr& message = run->messages[i].msg_hdr;
            CHECK(std::string{static_cast<const char*>(message.msg_iov->iov_base),
                              message.msg_iov->iov_len} ==
                  (service == 0 ? "a" : "b") + std::to_string(i));
            CHECK((message.msg_controllen > 0) == (service == 1));
        }
    }
    CHECK_FALSE(batch.takeRun());
    CHECK(batch.isEmpty());
}

TEST_CASE("sockets: the kernel's drops are counted", "[udp][sockets]") {
    const UniqueFd service = openServiceSocket(endpoint("127.0.0.1"));
    const int small = 2'048;
    REQUIRE(::setsockopt(service.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    const UniqueFd client = openInstanceSocket(nameOf(service));
    CHECK(queueOverflows(service.get()) == 0);
    for (int i = 0; i < 100; ++i)
        send(client, std::string(500, 'x'));
    CHECK(queueOverflows(service.get()) > 50);
}
