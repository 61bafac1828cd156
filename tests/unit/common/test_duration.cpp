// SPDX-License-Identifier: MIT
// Tests of parseDuration(), formatDuration() and formatAge().
#include "common/duration.h"
#include "tests/support/catch.h"

using namespace std::chrono_literals;
using mmsd::formatAge;
using mmsd::formatDuration;
using mmsd::parseDuration;

TEST_CASE("duration: reads every unit", "[common][duration]") {
    CHECK(parseDuration("300ms") == 300ms);
    CHECK(parseDuration("5s") == 5s);
    CHECK(parseDuration("2m") == 2min);
    CHECK(parseDuration("1h") == 1h);
    CHECK(parseDuration("3000us") == 3ms);
    CHECK(parseDuration("3000\u00b5s") == 3ms);
    CHECK(parseDuration("3000\u03bcs") == 3ms);
    CHECK(parseDuration("4000000ns") == 4ms);
}

TEST_CASE("duration: adds parts in any order, repeated ones too", "[common][duration]") {
    CHECK(parseDuration("1m30s") == 90s);
    CHECK(parseDuration("1h1h") == 2h);
    CHECK(parseDuration("1s1h") == 1h + 1s);
    CHECK(parseDuration("1h2m3s4ms") == 1h + 2min + 3s + 4ms);
    CHECK(parseDuration("600us600us") == 2ms);
}

TEST_CASE("duration: reads decimal fractions exactly", "[common][duration]") {
    CHECK(parseDuration("1.5s") == 1500ms);
    CHECK(parseDuration("0.1s") == 100ms);
    CHECK(parseDuration(".5s") == 500ms);
    CHECK(parseDuration("1.s") == 1s);
    CHECK(parseDuration("1.5h") == 90min);
    CHECK(parseDuration("0.001s") == 1ms);
    CHECK(parseDuration("1.0000000000000000000000000000000000000s") == 1s);
    CHECK(parseDuration("9.999s") == 9999ms);
}

TEST_CASE("duration: rounds up, so that only zero is zero", "[common][duration]") {
    CHECK(parseDuration("1ns") == 1ms);
    CHECK(parseDuration("500us") == 1ms);
    CHECK(parseDuration("1.5ms") == 2ms);
    CHECK(parseDuration("0s") == 0ms);
    CHECK(parseDuration("0") == 0ms);
    CHECK(parseDuration("+0") == 0ms);
    CHECK(parseDuration("0h0m0.000s") == 0ms);
}

TEST_CASE("duration: takes a plus, as Go does", "[common][duration]") {
    CHECK(parseDuration("+5s") == 5s);
    CHECK_FALSE(parseDuration("++5s"));
    CHECK_FALSE(parseDuration("+"));
    CHECK_FALSE(parseDuration("1s+1s"));
}

TEST_CASE("duration: rejects what Go rejects, and any minus", "[common][duration]") {
    for (const char* const text :
         {"",     " ",    "5",   "00",      "0.0",    "-1s",   "-0",     "-0s",    "s",
          "ms",   ".",    ".s",  "1",       "1.5",    "1..5s", "1.5.5s", "1 s",    " 1s",
          "1s ",  "1x",   "1S",  "1sec",    "1d",     "1s2",   "1h30",   "1m-30s", "0x1s",
          "1e3s", "1,5s", "inf", "1\u00b5", "1\xb5s", "1\nms", "\u0661s"}) {
        INFO("text: '" << text << "'");
        CHECK_FALSE(parseDuration(text));
    }
    CHECK_FALSE(parseDuration(std::string_view{"1s\0", 3}));
    CHECK_FALSE(parseDuration(std::string_view{"\0", 1}));
}

TEST_CASE("duration: rejects overflow and more than 10 000 hours", "[common][duration]") {
    CHECK(parseDuration("10000h") == 10'000h);
    CHECK(parseDuration("36000000s") == 10'000h);
    CHECK(parseDuration("9999h60m") == 10'000h);
    CHECK_FALSE(parseDuration("10000h1ns"));
    CHECK_FALSE(parseDuration("10000.1h"));
    CHECK_FALSE(parseDuration("10001h"));
    CHECK_FALSE(parseDuration("5000h5001h"));
    CHECK_FALSE(parseDuration("9223372036854775807h"));
    CHECK_FALSE(parseDuration("9223372036854775807ns"));
    CHECK_FALSE(parseDuration("18446744073709551617s"));
    CHECK_FALSE(parseDuration("99999999999999999999999999999999999999s"));
}

TEST_CASE("duration: accepts leading zeros without overflowing", "[common][duration]") {
    CHECK(parseDuration("0000000000000000000000000000000000001s") == 1s);
}

TEST_CASE("duration: formats without needless parts", "[common][duration]") {
    CHECK(formatDuration(0ms) == "0s");
    CHECK(formatDuration(1ms) == "1ms");
    CHECK(formatDuration(300ms) == "300ms");
    CHECK(formatDuration(1s) == "1s");
    CHECK(formatDuration(1500ms) == "1.5s");
    CHECK(formatDuration(1001ms) == "1.001s");
    CHECK(formatDuration(90s) == "1m30s");
    CHECK(formatDuration(1min) == "1m");
    CHECK(formatDuration(1h) == "1h");
    CHECK(formatDuration(1h + 1s) == "1h1s");
    CHECK(formatDuration(1min + 20ms) == "1m0.02s");
    CHECK(formatDuration(10'000h) == "10000h");
    CHECK(formatDuration(-5s) == "0s");
}

TEST_CASE("duration: reads back what it formats", "[common][duration]") {
    for (const auto value : {0ms, 7ms, 999ms, 1000ms, 1010ms, 59'999ms, 60'000ms, 60'001ms,
                             3'599'999ms, 3'600'000ms, 3'661'001ms, 35'999'999'999ms})
        CHECK(parseDuration(formatDuration(value)) == value);
}

TEST_CASE("duration: ages for people", "[common][duration]") {
    CHECK(formatAge(0) == "0.0 s");
    CHECK(formatAge(-1) == "0.0 s");
    CHECK(formatAge(3.19) == "3.1 s");
    CHECK(formatAge(119) == "119 s");
    CHECK(formatAge(250) == "4 min 10 s");
    CHECK(formatAge(7'500) == "2 h 5 min");
    CHECK(formatAge(200'000) == "2 d 7 h");
    CHECK(formatAge(1e300) == formatAge(1e12));
}
