// SPDX-License-Identifier: MIT
// Tests of HangAlarm.
#include "common/hang_alarm.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/unit/common/child_process.h"

#include <unistd.h>

#include <csignal>
#include <stdexcept>

using namespace mmsd;
using namespace std::chrono_literals;

TEST_CASE("hang alarm: a loop that does not turn ends the process", "[common]") {
    const auto child = test::runInChild([] {
        test::FakeTimerFactory timers;
        const HangAlarm alarm{timers, 1s, 1s};
        while (true)
            ::pause();
    });
    CHECK(child.wasKilledBy(SIGALRM));
}

TEST_CASE("hang alarm: who was paused gets a last chance to turn", "[common]") {
    const auto child = test::runInChild([] {
        test::FakeTimerFactory timers;
        const HangAlarm alarm{timers, 600s, 600s};
        for (int i = 0; i < 3; ++i) {
            ::raise(SIGALRM); // as it waits for a process that goes on
            timers.advance(100s);
        }
        if (::alarm(0) < 590)
            throw std::runtime_error{"not moved"};
        ::raise(SIGALRM);
        ::raise(SIGALRM);
    });
    CHECK(child.wasKilledBy(SIGALRM));
    CHECK(child.errorText.empty());
}

TEST_CASE("hang alarm: each turn moves it, and its end ends it", "[common]") {
    test::FakeTimerFactory timers;
    {
        const HangAlarm alarm{timers, 600s};
        // alarm(2) tells what was left, in whole seconds, rounded.
        CHECK(::alarm(5) >= 590);
        timers.advance(100s);
        CHECK(::alarm(5) >= 590);
    }
    CHECK(::alarm(0) == 0);
}
