// SPDX-License-Identifier: MIT
// Tests of the text helpers.
#include "common/text.h"
#include "tests/support/catch.h"

#include <cstdint>
#include <string>

using namespace std::string_literals;
using mmsd::escapeJson;
using mmsd::escapeText;
using mmsd::isValidUtf8;
using mmsd::parseNumber;
using mmsd::splitList;
using mmsd::trim;
using Items = std::vector<std::string_view>;

TEST_CASE("text: reads whole decimal numbers only", "[common][text]") {
    CHECK(parseNumber<std::uint16_t>("65535") == 65535);
    CHECK(parseNumber<std::uint16_t>("0") == 0);
    CHECK(parseNumber<int>("-5") == -5);
    CHECK(parseNumber<std::uint16_t>("007") == 7);
    for (const char* const bad : {"", "65536", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0"}) {
        INFO("text: '" << bad << "'");
        CHECK_FALSE(parseNumber<std::uint16_t>(bad));
    }
    CHECK_FALSE(parseNumber<std::uint64_t>("18446744073709551616"));
}

TEST_CASE("text: trims blanks at both ends", "[common][text]") {
    CHECK(trim("").empty());
    CHECK(trim(" \t\r\n").empty());
    CHECK(trim("a") == "a");
    CHECK(trim("\r\n a b\t") == "a b");
    CHECK(trim("\va") == "\va");
    CHECK(trim("\u00a0a") == "\u00a0a");
}

TEST_CASE("text: splits lists, trimming items and dropping empty ones", "[common][text]") {
    CHECK(splitList("") == Items{});
    CHECK(splitList(",") == Items{});
    CHECK(splitList(" , ,\t") == Items{});
    CHECK(splitList("a") == Items{"a"});
    CHECK(splitList("a,b") == Items{"a", "b"});
    CHECK(splitList(",a,, b c ,") == Items{"a", "b c"});
    CHECK(splitList("a,") == Items{"a"});
    CHECK(splitList("a b  c", ' ') == Items{"a", "b", "c"});
    CHECK(splitList("a,b", ';') == Items{"a,b"});
}

TEST_CASE("text: compares and lowers ASCII only", "[common][text]") {
    CHECK(mmsd::toLower("AbZ[@`{019É") == "abz[@`{019É");
    CHECK(mmsd::equalsIgnoringCase("Content-Type", "cONTENT-tYPE"));
    CHECK(mmsd::equalsIgnoringCase("", ""));
    CHECK_FALSE(mmsd::equalsIgnoringCase("a", "ab"));
    CHECK_FALSE(mmsd::equalsIgnoringCase("[", "{"));
    CHECK_FALSE(mmsd::equalsIgnoringCase("É", "é"));
}

TEST_CASE("text: accepts well-formed UTF-8 up to its borders", "[common][text]") {
    for (const std::string& good :
         {""s, "plain"s, "\0"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s,
          "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s, "a€😀z"s})
        CHECK(isValidUtf8(good));
}

TEST_CASE("text: rejects malformed UTF-8", "[common][text]") {
    for (const std::string& bad :
         {"\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s,            // lone, overlong
          "\xe0\x80\x80"s, "\xe0\x9f\xbf"s, "\xf0\x8f\xbf\xbf"s, // overlong
          "\xed\xa0\x80"s, "\xed\xbf\xbf"s,                      // surrogates
          "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xff"s,     // above U+10FFFF
          "\xc2"s, "\xe2\x82"s, "\xf0\x9f\x98"s,                 // cut off
          "\xc2z"s, "\xe2\x82z"s, "\xf0\x9f\x98z"s, "\xe2z\xac"s}) {
        INFO("octets: " << escapeText(bad));
        CHECK_FALSE(isValidUtf8(bad));
        CHECK_FALSE(isValidUtf8("ok" + bad));
    }
}

TEST_CASE("text: escapes what would break a line", "[common][text]") {
    CHECK(escapeText("plain text, €") == "plain text, €");
    CHECK(escapeText("a\nb\tc\rd\"e\\f") == R"(a\nb\tc\rd\"e\\f)");
    CHECK(escapeText("\0\x1b[31m\x7f"s) == R"(\x00\x1b[31m\x7f)");
    CHECK(escapeText("a\xff\xc3") == R"(a\xff\xc3)");
}

TEST_CASE("text: escapes characters that fool a terminal", "[common][text]") {
    CHECK(escapeText("\u009b31m") == R"(\xc2\x9b31m)");  // C1 control sequence introducer
    CHECK(escapeText("\u2028") == R"(\xe2\x80\xa8)");    // line separator
    CHECK(escapeText("\u202e") == R"(\xe2\x80\xae)");    // right-to-left override
    CHECK(escapeText("\u2066x") == R"(\xe2\x81\xa6x)");  // isolate
    CHECK(escapeText("\u2027\u202f") == "\u2027\u202f"); // their neighbours
    CHECK(escapeText("\u00a0") == "\u00a0");
}

TEST_CASE("text: cuts long text between characters", "[common][text]") {
    CHECK(escapeText("abcd", 4) == "abcd");
    CHECK(escapeText("abcde", 4) == "abcd…");
    CHECK(escapeText("abc€", 4) == "abc…");
    CHECK(escapeText("abc\n", 4) == "abc…");
    CHECK(escapeText("ab\n", 4) == R"(ab\n)");
    CHECK(escapeText("\u202e", 11) == "…");
    CHECK(escapeText("a", 0) == "…");
    CHECK(escapeText("", 0).empty());
    CHECK(escapeText(std::string(10'000, 'x')) == std::string(512, 'x') + "…");
}

TEST_CASE("text: escapes JSON strings", "[common][text]") {
    CHECK(escapeJson("plain €😀/") == "plain €😀/");
    CHECK(escapeJson("a\nb\tc\rd\"e\\f") == R"(a\nb\tc\rd\"e\\f)");
    CHECK(escapeJson("\0\b\f\x1f\x7f"s) == "\\u0000\\u0008\\u000c\\u001f\x7f");
    CHECK(escapeJson("a\xffz") == "a\uFFFDz");
    CHECK(escapeJson("\xed\xa0\x80") == "\uFFFD\uFFFD\uFFFD");
    CHECK(escapeJson(std::string(10'000, 'x')).size() == 10'000);
    CHECK(escapeJson("ab\"", 3) == "ab…");
}
