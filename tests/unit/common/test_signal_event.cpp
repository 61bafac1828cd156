// SPDX-License-Identifier: MIT
// Tests of SignalEvent.
#include "common/event_loop.h"
#include "common/signal_event.h"
#include "tests/support/catch.h"

#include <csignal>
#include <memory>
#include <stdexcept>

TEST_CASE("signal event: delivers each signal through the loop", "[common][signal]") {
    mmsd::EventLoop loop;
    int count = 0;
    const mmsd::SignalEvent event{loop, SIGUSR1, [&] { ++count; }};
    std::raise(SIGUSR1);
    CHECK(count == 0);
    loop.poll();
    CHECK(count == 1);
    std::raise(SIGUSR1);
    loop.poll();
    CHECK(count == 2);
}

TEST_CASE("signal event: may destroy itself in its callback", "[common][signal]") {
    mmsd::EventLoop loop;
    int count = 0;
    auto event = std::unique_ptr<mmsd::SignalEvent>{};
    event = std::make_unique<mmsd::SignalEvent>(loop, SIGUSR1, [&] {
        event.reset();
        ++count;
    });
    std::raise(SIGUSR1);
    std::raise(SIGUSR1);
    loop.poll();
    loop.poll();
    CHECK(count == 1);
}

TEST_CASE("signal event: keeps exceptions for the loop", "[common][signal]") {
    mmsd::EventLoop loop;
    const mmsd::SignalEvent event{loop, SIGUSR2, [] { throw std::runtime_error{"signal"}; }};
    std::raise(SIGUSR2);
    CHECK_THROWS_WITH(loop.run(), "signal");
}

TEST_CASE("signal event: refuses a number that is no signal", "[common][signal]") {
    mmsd::EventLoop loop;
    CHECK_THROWS(mmsd::SignalEvent(loop, 100'000, [] {}));
}
