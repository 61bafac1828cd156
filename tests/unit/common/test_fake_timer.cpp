// SPDX-License-Identifier: MIT
// Tests of the timers that other tests rely on.
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using mmsd::test::FakeTimerFactory;

TEST_CASE("fake timer: fires due timers in order", "[support]") {
    FakeTimerFactory timers;
    std::string fired;
    const auto a = timers.create([&] { fired += 'a'; });
    const auto b = timers.create([&] { fired += 'b'; });
    const auto c = timers.create([&] { fired += 'c'; });
    a->start(30ms);
    b->start(10ms);
    c->start(10ms);
    CHECK(timers.nextDelay() == 10ms);
    timers.advance(9ms);
    CHECK(fired.empty());
    timers.advance(1ms);
    CHECK(fired == "bc");
    CHECK_FALSE(b->isActive());
    CHECK(timers.activeCount() == 1);
    timers.advance(1s);
    CHECK(fired == "bca");
    CHECK_FALSE(timers.nextDelay());
    CHECK_FALSE(timers.fireNext());
}

TEST_CASE("fake timer: shows each callback its own time", "[support]") {
    FakeTimerFactory timers;
    const auto begin = timers.now();
    std::vector<std::chrono::nanoseconds> times;
    std::unique_ptr<mmsd::Timer> tick = timers.create([&] {
        times.push_back(timers.now() - begin);
        tick->start(10ms);
    });
    tick->start(10ms);
    timers.advance(35ms);
    CHECK(times == std::vector<std::chrono::nanoseconds>{10ms, 20ms, 30ms});
    CHECK(timers.now() - begin == 35ms);
}

TEST_CASE("fake timer: can be stopped, restarted and destroyed at any time", "[support]") {
    FakeTimerFactory timers;
    int count = 0;
    std::unique_ptr<mmsd::Timer> other = timers.create([&] { count += 100; });
    std::unique_ptr<mmsd::Timer> self;
    self = timers.create([&] {
        ++count;
        other.reset();
        self.reset();
    });
    self->start(1ms);
    other->start(2ms);
    timers.advance(10ms);
    CHECK(count == 1);
    CHECK(timers.activeCount() == 0);

    const auto again = timers.create([&] { ++count; });
    again->start(5ms);
    timers.advance(4ms);
    again->start(5ms);
    timers.advance(4ms);
    CHECK(count == 1);
    again->stop();
    timers.advance(1h);
    CHECK(count == 1);
}

TEST_CASE("fake timer: reports overdue timers and endless loops", "[support]") {
    FakeTimerFactory timers;
    std::unique_ptr<mmsd::Timer> timer = timers.create([&] { timer->start(0ms); });
    timer->start(5ms);
    timers.skip(7ms);
    CHECK(timers.nextDelay() == 0ms);
    CHECK_THROWS_AS(timers.advance(0ms), std::runtime_error);
}
