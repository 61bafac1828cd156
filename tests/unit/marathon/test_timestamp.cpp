// SPDX-License-Identifier: MIT
// Tests of Marathon's timestamps.
#include "daemon/marathon/timestamp.h"

#include "tests/support/catch.h"

namespace mmsd::marathon {

TEST_CASE("timestamp: reads the forms of all versions as the same instant",
          "[marathon][timestamp]") {
    CHECK(parseTimestamp("2017-11-09T08:43:59.890Z") == parseTimestamp("2017-11-09T08:43:59.89Z"));
    CHECK(parseTimestamp("2014-01-24T21:52+0000") == parseTimestamp("2014-01-24T21:52:00.000Z"));
    CHECK(parseTimestamp("2014-01-24T22:52:00+01:00") == parseTimestamp("2014-01-24T21:52:00Z"));
    CHECK(parseTimestamp("2014-01-24T20:22:00-0130") == parseTimestamp("2014-01-24T21:52:00Z"));
    CHECK(parseTimestamp("1970-01-01T00:00:01.5Z")->time_since_epoch() ==
          std::chrono::milliseconds{1500});
    CHECK(parseTimestamp("1970-01-01T00:00:00.123456789Z")->time_since_epoch() ==
          std::chrono::milliseconds{123});
    CHECK(parseTimestamp("2261-12-31T23:59:59Z") > parseTimestamp("2261-12-31T23:59:58Z"));
}

TEST_CASE("timestamp: refuses everything else", "[marathon][timestamp]") {
    const auto* const text =
        GENERATE("", "2017", "2017-11-09", "2017-11-09T08:43:59", "2017-13-09T08:43:59Z",
                 "2017-02-30T08:43:59Z", "2017-11-09T24:43:59Z", "2017-11-09T08:60:59Z",
                 "2017-11-09T08:43:59.Z", "2017-11-09T08:43:59Zx", "2017-11-09 08:43:59Z",
                 "-017-11-09T08:43:59Z", "2017-11-09T08:43:59+1", "2017-11-09T08:43:59+99:00",
                 "yesterday", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z",
                 "4032-10-13T13:31:39.055Z", "9999-12-31T23:59:59Z");
    CAPTURE(text);
    CHECK_FALSE(parseTimestamp(text));
}

} // namespace mmsd::marathon
