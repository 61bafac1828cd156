// SPDX-License-Identifier: MIT
// Tests of Backoff and jittered().
#include "common/backoff.h"
#include "tests/support/catch.h"

#include <limits>
#include <vector>

using namespace std::chrono_literals;
using mmsd::Backoff;

namespace {

constexpr Backoff::Limits kLimits{.initial = 1s, .maximum = 30s, .forgivenAfter = 60s};

} // namespace

TEST_CASE("backoff: starts at once, then doubles up to the maximum", "[common][backoff]") {
    Backoff backoff{kLimits};
    std::vector<std::chrono::milliseconds> delays;
    for (int i = 0; i < 9; ++i)
        delays.push_back(backoff.next(0ms));
    CHECK(delays == std::vector<std::chrono::milliseconds>{0s, 1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s});
    CHECK(backoff.failures() == 9);
}

TEST_CASE("backoff: forgives after a run that was long enough", "[common][backoff]") {
    Backoff backoff{kLimits};
    for (int i = 0; i < 4; ++i)
        (void)backoff.next(0ms);
    CHECK(backoff.next(59'999ms) == 8s);
    CHECK(backoff.next(60s) == 0ms);
    CHECK(backoff.failures() == 1);
    CHECK(backoff.next(1ms) == 1s);
}

TEST_CASE("backoff: begins anew after reset", "[common][backoff]") {
    Backoff backoff{kLimits};
    (void)backoff.next(0ms);
    (void)backoff.next(0ms);
    backoff.reset();
    CHECK(backoff.failures() == 0);
    CHECK(backoff.next(0ms) == 0ms);
}

TEST_CASE("backoff: stays at the maximum however many failures follow", "[common][backoff]") {
    Backoff backoff{{.initial = 1ms, .maximum = 24h, .forgivenAfter = 60s}};
    std::chrono::milliseconds last = 0ms;
    for (int i = 0; i < 200; ++i) {
        const auto delay = backoff.next(0ms);
        REQUIRE(delay >= last);
        last = delay;
    }
    CHECK(last == 24h);
}

TEST_CASE("backoff: never exceeds the maximum, even at first", "[common][backoff]") {
    Backoff backoff{{.initial = 10s, .maximum = 5s, .forgivenAfter = 60s}};
    CHECK(backoff.next(0ms) == 0s);
    CHECK(backoff.next(0ms) == 5s);
}

TEST_CASE("jittered: stays within half and whole of the delay", "[common][backoff]") {
    constexpr auto kMax = std::numeric_limits<std::uint32_t>::max();
    for (const auto delay : {0ms, 1ms, 2ms, 7ms, 1000ms, 30'000ms, 86'400'000ms}) {
        for (const std::uint32_t random :
             {0U, 1U, 499U, 500U, 501U, 0x8000'0000U, kMax - 1, kMax}) {
            const auto result = mmsd::jittered(delay, random);
            CHECK(result >= delay / 2);
            CHECK(result <= delay);
        }
    }
    CHECK(mmsd::jittered(1000ms, 0) == 500ms);
    CHECK(mmsd::jittered(1000ms, 500) == 1000ms);
    CHECK(mmsd::jittered(1000ms, 501) == 500ms);
}
