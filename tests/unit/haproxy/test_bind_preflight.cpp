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
    CHECK(whyNotBindable(*where) == where->toString() + " cannot be bound: Address already in use");
    CHECK_FALSE(whyNotBindable({loopback, 0}));
    CHECK(whyNotBindable({IpAddress::parse("192.0.2.1").value(), 80}));
}
