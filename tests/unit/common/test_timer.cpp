// SPDX-License-Identifier: MIT
// Tests of the timers on libevent.
#include "common/event_loop.h"
#include "common/timer.h"
#include "tests/support/catch.h"

#include <string>

using namespace std::chrono_literals;

TEST_CASE("timer: fires once and is idle in its callback", "[common][timer]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    int count = 0;
    std::unique_ptr<mmsd::Timer> timer;
    timer = timers.create([&] {
        ++count;
        CHECK_FALSE(timer->isActive());
    });
    CHECK_FALSE(timer->isActive());
    timer->start(0ms);
    CHECK(timer->isActive());
    loop.poll();
    loop.poll();
    CHECK(count == 1);
}

TEST_CASE("timer: may destroy itself in its callback", "[common][timer]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    const std::string captured(100, 'x'); // more than std::function holds in place
    std::string seen;
    std::unique_ptr<mmsd::Timer> timer;
    timer = timers.create([&timer, &seen, captured] {
        timer.reset();
        seen = captured;
    });
    timer->start(0ms);
    loop.poll();
    CHECK(seen == captured);
}

TEST_CASE("timer: does not fire after stop or destruction", "[common][timer]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    auto stopped = timers.create([] { FAIL("fired"); });
    auto destroyed = timers.create([] { FAIL("fired"); });
    stopped->start(0ms);
    destroyed->start(0ms);
    stopped->stop();
    destroyed.reset();
    loop.poll();
    CHECK_FALSE(stopped->isActive());
}

TEST_CASE("timer: one callback may cancel another that is due, too", "[common][timer]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    int count = 0;
    std::unique_ptr<mmsd::Timer> a;
    std::unique_ptr<mmsd::Timer> b;
    a = timers.create([&] {
        ++count;
        b.reset();
    });
    b = timers.create([&] {
        ++count;
        a.reset();
    });
    a->start(0ms);
    b->start(0ms);
    loop.poll();
    CHECK(count == 1);
}

TEST_CASE("timer: restart replaces the earlier delay", "[common][timer]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    int count = 0;
    const auto timer = timers.create([&] { ++count; });
    timer->start(0ms);
    timer->start(1h);
    loop.poll();
    CHECK(count == 0);
    timer->start(-5ms);
    loop.poll();
    CHECK(count == 1);
}

TEST_CASE("timer: is not short by the time its callback took", "[common][timer]") {
    mmsd::EventLoop loop;
    mmsd::EventTimerFactory timers{loop};
    mmsd::TimerFactory::TimePoint started;
    std::chrono::nanoseconds waited{};
    const auto second = timers.create([&] {
        waited = timers.now() - started;
        loop.stop();
    });
    const auto first = timers.create([&] {
        const auto begin = timers.now();
        while (timers.now() - begin < 40ms) {
        }
        started = timers.now();
        second->start(30ms);
    });
    first->start(0ms);
    loop.run();
    // libevent reads the kernel's coarse clock, which is up to 10 ms (CONFIG_HZ=100) behind.
    CHECK(waited >= 19ms);
}
