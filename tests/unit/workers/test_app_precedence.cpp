// SPDX-License-Identifier: MIT
// Tests of the rule who wins between two apps.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/runtime/app_precedence.h"

using mmsd::worker::parseVersion;
using mmsd::worker::precedes;
using namespace std::chrono_literals;

TEST_CASE("app version: reads what Marathon writes", "[workers][precedence]") {
    const auto noon = std::chrono::sys_days{std::chrono::year{2016} / 10 / 13} + 13h + 31min + 39s;
    CHECK(parseVersion("2016-10-13T13:31:39.055Z") == noon + 55ms);
    CHECK(parseVersion("2016-10-13T13:31:39Z") == noon);
    CHECK(parseVersion("2016-10-13T13:31:39.055123999Z") == noon + 55ms + 123us);
    CHECK(parseVersion("2016-10-13T13:31:39.5z") == noon + 500ms);
    CHECK(parseVersion("2016-10-13T15:31:39+02:00") == noon);
    CHECK(parseVersion("2016-10-13T06:31:39-0700") == noon);
}

TEST_CASE("app version: refuses anything else", "[workers][precedence]") {
    for (const char* text :
         {"", "2016-10-13", "2016-10-13T13:31:39", "2016-10-13 13:31:39Z", "2016-13-13T13:31:39Z",
          "2016-02-30T13:31:39Z", "2016-10-13T24:31:39Z", "2016-10-13T13:31:39.Z",
          "2016-10-13T13:31:39Zx", "2016-10-13T13:31:39+2", "+016-10-13T13:31:39Z", "latest"}) {
        CAPTURE(text);
        CHECK(parseVersion(text) == std::nullopt);
    }
}

TEST_CASE("app precedence: the older version, then the smaller id", "[workers][precedence]") {
    const auto app = [](const char* id, const char* version) {
        return mmsd::test::app(id, {}, {}, version);
    };
    const auto old = app("/z", "2016-10-13T13:31:39.055Z");
    // As strings the other way round.
    const auto late = app("/a", "2016-10-13T12:31:39.055-05:00");
    CHECK(precedes(old, late));
    CHECK_FALSE(precedes(late, old));
    CHECK(precedes(app("/a", "2016-10-13T13:31:39.055Z"), old));
    CHECK_FALSE(precedes(old, old));
    CHECK(precedes(late, app("/0", "")));
    CHECK(precedes(app("/0", "x"), app("/1", "")));
}
