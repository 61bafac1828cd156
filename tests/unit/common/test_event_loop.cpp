// SPDX-License-Identifier: MIT
// Tests of EventLoop.
#include "common/event_loop.h"
#include "common/timer.h"
#include "tests/support/catch.h"

#include <stdexcept>

using namespace std::chrono_literals;

TEST_CASE("event loop: run hands on the first exception of a callback", "[common][event_loop]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    bool isLaterFired = false;
    const auto thrower = timers.create([] { throw std::runtime_error{"first"}; });
    const auto later = timers.create([&] {
        isLaterFired = true;
        loop.stop();
    });
    thrower->start(0ms);
    CHECK_THROWS_WITH(loop.run(), "first");
    later->start(0ms);
    CHECK_NOTHROW(loop.run());
    CHECK(isLaterFired);
}

TEST_CASE("event loop: guard keeps an exception from outside for the next run",
          "[common][event_loop]") {
    mmsd::EventLoop loop;
    loop.guard([] { throw std::runtime_error{"first"}; });
    loop.guard([] { throw std::runtime_error{"second"}; });
    CHECK_THROWS_WITH(loop.run(), "first");
    CHECK_NOTHROW(loop.poll());
}

TEST_CASE("event loop: guard takes what is no std::exception", "[common][event_loop]") {
    mmsd::EventLoop loop;
    loop.guard([] { throw 42; });
    CHECK_THROWS_AS(loop.poll(), int);
}

TEST_CASE("event loop: poll returns at once when nothing is ready", "[common][event_loop]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    const auto never = timers.create([] { FAIL("fired"); });
    never->start(1h);
    loop.poll();
    CHECK(never->isActive());
}

TEST_CASE("event loop: run waits for stop even without events", "[common][event_loop]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    int count = 0;
    std::unique_ptr<mmsd::Timer> timer;
    timer = timers.create([&] {
        ++count;
        if (count == 3)
            loop.stop();
        else
            timer->start(1ms);
    });
    timer->start(0ms);
    loop.run();
    CHECK(count == 3);
}
