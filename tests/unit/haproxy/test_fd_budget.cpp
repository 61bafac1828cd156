// SPDX-License-Identifier: MIT
// The connection limit that the descriptor limit leaves.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/fd_budget.h"

using mmsd::haproxy::connectionLimit;
using mmsd::haproxy::hasRoomForChecks;

TEST_CASE("fd budget: leaves room for listeners and checks", "[haproxy][fd]") {
    CHECK(connectionLimit(20'000, {.listeners = 10, .checkedServers = 50}) == 9'772);
    CHECK(connectionLimit(20'000, {.listeners = 1'000, .checkedServers = 5'000}) == 5'804);
}

TEST_CASE("fd budget: does not change with each instance", "[haproxy][fd]") {
    CHECK(connectionLimit(20'000, {1'000, 5'000}) == connectionLimit(20'000, {1'001, 5'100}));
}

TEST_CASE("fd budget: is bounded, and tells when nothing is left", "[haproxy][fd]") {
    CHECK(connectionLimit(1'000'000'000, {10, 10}) == 100'000);
    CHECK(connectionLimit(1'024, {300, 300}) == 112);
    CHECK(connectionLimit(1'024, {1'000, 0}) == 0);
}

TEST_CASE("fd budget: checks that leave no connections are left out", "[haproxy][fd]") {
    CHECK(hasRoomForChecks(20'000, {1'004, 5'000}, true));
    CHECK(hasRoomForChecks(1'024, {54, 250}, true));
    CHECK_FALSE(hasRoomForChecks(20'000, {10'004, 50'000}, true));
    // 1 392 connections without checks; 600, 300 and 450 with them.
    CHECK(hasRoomForChecks(3'240, {40, 1'800}, true));
    CHECK_FALSE(hasRoomForChecks(3'240, {40, 2'400}, true));
    CHECK_FALSE(hasRoomForChecks(3'240, {40, 2'100}, false));
    CHECK(hasRoomForChecks(3'240, {40, 2'100}, true));
    // Not even the listeners: nothing that leaving the checks out could help.
    CHECK(hasRoomForChecks(1'024, {1'000, 10}, false));
}
