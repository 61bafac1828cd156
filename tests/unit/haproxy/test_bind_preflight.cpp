// SPDX-License-Identifier: MIT
// Whether a port can be bound.
#include "common/unique_fd.h"
#include "tests/support/catch.h"
#include "workers/haproxy-manager/bind_preflight.h"

#include <sys/socket.h>

using namespace mmsd;
using namespace mmsd::haproxy;

TEST_CASE("bind preflight: tells a port that somebody else has", "[haproxy][bind]") {
    const UniqueFd holder{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_storage address{};
    const IpAddress loopback = IpAddress::parse("127.0.0.1").value();
    socklen_t size = InetEndpoint{loopback, 0}.toSockaddr(address);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(holder.get(), raw, size) == 0);
    REQUIRE(::listen(holder.get(), 1) == 0);
    REQUIRE(::getsockname(holder.get(), raw, &size) == 0);
    const auto where = InetEndpoint::fromSockaddr(raw, size);
    REQUIRE(where);
    const std::string inUse = where->toString() + " cannot be bound: Address already in use";
    CHECK(whyNotBindable(*where, false) == inUse);
    CHECK(whyNotBindable(*where, true) == inUse);
    CHECK_FALSE(whyNotBindable({loopback, 0}, false));
    CHECK(whyNotBindable({IpAddress::parse("192.0.2.1").value(), 80}, true));
}

TEST_CASE("bind preflight: another listener that shares its port", "[haproxy][bind]") {
    const UniqueFd holder{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int on = 1;
    REQUIRE(::setsockopt(holder.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    REQUIRE(::setsockopt(holder.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    sockaddr_storage address{};
    socklen_t size = InetEndpoint{IpAddress::parse("127.0.0.1").value(), 0}.toSockaddr(address);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(holder.get(), raw, size) == 0);
    REQUIRE(::getsockname(holder.get(), raw, &size) == 0);
    const auto where = InetEndpoint::fromSockaddr(raw, size);
    REQUIRE(where);
    CHECK_FALSE(whyNotBindable(*where, false)); // bound is not listening
    REQUIRE(::listen(holder.get(), 1) == 0);
    CHECK(whyNotBindable(*where, false) ==
          where->toString() + " cannot be bound: another process of this user listens there");
    CHECK_FALSE(whyNotBindable(*where, true));
}
