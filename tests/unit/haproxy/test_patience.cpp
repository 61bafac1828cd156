// SPDX-License-Identifier: MIT
// When a start or a check is given up: by its own work, not by the clock alone.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/child_process.h"
#include "workers/haproxy-manager/patience.h"

#include <unistd.h>

using namespace mmsd::haproxy;
using namespace std::chrono_literals;

namespace {

constexpr Patience::Clock::time_point kStart{};

} // namespace

TEST_CASE("patience: a busy machine only makes it last longer", "[haproxy][patience]") {
    Patience patience{kStart};
    // One hundredth of a processor, for an hour.
    for (std::chrono::seconds passed = 1s; passed < 3600s; passed += 1s)
        REQUIRE_FALSE(patience.isOver(kStart + passed, 10ms * passed.count()));
}

TEST_CASE("patience: ends with the work of an endless loop", "[haproxy][patience]") {
    Patience patience{kStart};
    CHECK_FALSE(patience.isOver(kStart + 59s, 59s));
    CHECK(patience.isOver(kStart + 60s, 60s));
}

TEST_CASE("patience: ends when nothing happens any more", "[haproxy][patience]") {
    Patience patience{kStart};
    CHECK_FALSE(patience.isOver(kStart + 30s, 2s));
    CHECK_FALSE(patience.isOver(kStart + 89s, 2s + 100ms));
    CHECK(patience.isOver(kStart + 90s, 2s + 100ms));
}

TEST_CASE("patience: a process's own CPU time is known, without being asked",
          "[haproxy][patience]") {
    const auto before = cpuTime(::getpid());
    while (cpuTime(::getpid()) < before + 20ms) {
    }
    CHECK(cpuTime(::getpid()) >= 20ms);
    CHECK(cpuTime(5'000'000) == 0ms); // beyond every pid
}
