// SPDX-License-Identifier: MIT
// Tests of host names that need no name server: numbers, /etc/hosts, addresses of an earlier run.
#include "common/event_loop.h"
#include "daemon/marathon/host_resolver.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

namespace mmsd::marathon {

TEST_CASE("host_resolver: numeric hosts are known at once", "[marathon][hosts]") {
    EventLoop loop;
    EventTimerFactory timers{loop};
    HostResolver resolver{loop, timers};
    CHECK(resolver.find("10.0.0.1").addresses == std::vector{test::ip("10.0.0.1")});
    CHECK(resolver.find("fd00::1").addresses == std::vector{test::ip("fd00::1")});
    CHECK(resolver.size() == 0);
    CHECK_FALSE(resolver.isWaiting());
}

TEST_CASE("host_resolver: /etc/hosts counts", "[marathon][hosts]") {
    EventLoop loop;
    EventTimerFactory timers{loop};
    HostResolver resolver{loop, timers};
    std::vector<std::string> answered;
    resolver.setOnAnswer([&](const std::string& host, bool hasChanged) {
        CHECK(hasChanged);
        answered.push_back(host);
    });
    CHECK(resolver.find("localhost").addresses.empty());
    CHECK(resolver.isWaiting());
    CHECK(answered.empty()); // never inside the call
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (answered.empty() && std::chrono::steady_clock::now() < deadline)
        loop.poll();
    REQUIRE(answered == std::vector<std::string>{"localhost"});
    const auto addresses = resolver.find("localhost").addresses;
    REQUIRE_FALSE(addresses.empty());
    CHECK(addresses[0] == test::ip("127.0.0.1"));
    CHECK_FALSE(resolver.isWaiting());
    CHECK(resolver.unresolvedCount() == 0);
}

TEST_CASE("host_resolver: addresses of an earlier run count until a look-up", "[marathon][hosts]") {
    EventLoop loop;
    EventTimerFactory timers{loop};
    HostResolver resolver{loop, timers};
    resolver.seed("agent", {test::ip("10.0.0.7")});
    resolver.seed("10.0.0.8", {test::ip("10.0.0.8")});
    resolver.seed("", {test::ip("10.0.0.9")});
    CHECK(resolver.size() == 1);
    CHECK(resolver.find("agent").addresses == std::vector{test::ip("10.0.0.7")});
    CHECK_FALSE(resolver.isWaiting());
}

TEST_CASE("host_resolver: forgets names that nobody uses", "[marathon][hosts]") {
    EventLoop loop;
    EventTimerFactory timers{loop};
    HostResolver resolver{loop, timers};
    for (const char* host : {"a", "b", "c"})
        CHECK(resolver.find(host).addresses.empty());
    CHECK(resolver.unresolvedCount() == 3);
    resolver.forgetExcept({"a"}, {"b"});
    CHECK(resolver.size() == 2);
}

} // namespace mmsd::marathon
