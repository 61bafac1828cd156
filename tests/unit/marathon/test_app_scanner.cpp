// SPDX-License-Identifier: MIT
// Tests of finding apps in answers that arrive in pieces.
#include "daemon/marathon/app_scanner.h"

#include "tests/support/catch.h"

#include <vector>

namespace mmsd::marathon {

using Shape = AppScanner::Shape;

namespace {

struct Result {
    std::vector<std::string> apps;
    bool isPlainObject = false;
};

Result scan(std::string_view text, Shape shape, std::size_t step = std::string_view::npos) {
    Result result;
    AppScanner scanner{shape, [&](std::string_view app) { result.apps.emplace_back(app); }};
    for (std::size_t at = 0; at < text.size(); at += std::min(step, text.size()))
        scanner.feed(text.substr(at, step));
    scanner.finish();
    result.isPlainObject = scanner.isPlainObject();
    return result;
}

} // namespace

TEST_CASE("app_scanner: hands out the apps of a list at every split", "[marathon][scanner]") {
    const std::string text = R"( {"x":[1,-2.5e+3,{"apps":[{"id":"no"}]},"a\"]}"],"apps":[
        {"id":"/a","labels":{"k":"}]\\"}}, {"id":"/b","apps":[{"id":"/no"}]}],"y":null} )";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        CAPTURE(step);
        const Result result = scan(text, Shape::List, step);
        REQUIRE(result.apps.size() == 2);
        CHECK(result.apps[0] == R"({"id":"/a","labels":{"k":"}]\\"}})");
        CHECK(result.apps[1] == R"({"id":"/b","apps":[{"id":"/no"}]})");
    }
}

TEST_CASE("app_scanner: refuses each prefix of a document", "[marathon][scanner]") {
    const std::string text = R"({"apps":[{"id":"/a","n":[true,{"b":null}]},{}],"c":12})";
    for (std::size_t size = 0; size < text.size(); ++size) {
        CAPTURE(size);
        CHECK_THROWS_AS(scan(text.substr(0, size), Shape::List), JsonError);
    }
    CHECK(scan(text, Shape::List).apps.size() == 2);
}

TEST_CASE("app_scanner: a list needs an object with an array 'apps'", "[marathon][scanner]") {
    const auto* const text =
        GENERATE("{}", "[]", "null", "7", R"("x")", R"({"apps":null})", R"({"apps":{}})",
                 R"({"message":"no"})", R"({"Apps":[]})", R"({"x":{"apps":[]}})",
                 R"({"apps":[],"apps":[]})", R"({"\u0061pps":[]})", R"({"appss":[]})");
    CAPTURE(text);
    CHECK_THROWS_AS(scan(text, Shape::List), JsonError);
    CHECK(scan(R"({"apps":[]})", Shape::List).apps.empty());
}

TEST_CASE("app_scanner: refuses malformed text around the apps", "[marathon][scanner]") {
    const auto* const text = GENERATE(
        R"({"apps":[]}})", R"({"apps":[]} x)", R"({"apps":[],})", R"({"apps":[{},]})",
        R"({"apps":[{}{}]})", R"({"apps":[}])", R"({"apps":[])", R"({"apps":[],"a":tru})",
        R"({"apps":[],"a":01})", R"({"apps":[],"a":1.})", R"({"apps":[],"a":+1})",
        R"({"apps":[],"a"})", R"({"apps":[],"a" 1})", R"({"apps":[],a:1})", R"({,"apps":[]})",
        "{\"apps\":[],\"a\":\"\n\"}", "<html>", "\x1f\x8b\x08", R"({"apps":[],"a":1 2})");
    CAPTURE(text);
    CHECK_THROWS_AS(scan(text, Shape::List), JsonError);
}

TEST_CASE("app_scanner: hands out null for elements that are no objects", "[marathon][scanner]") {
    const Result result = scan(R"({"apps":[1,"x",null,[{"id":"/no"}],{"id":"/a"}]})", Shape::List);
    CHECK(result.apps ==
          std::vector<std::string>{"null", "null", "null", "null", R"({"id":"/a"})"});
}

TEST_CASE("app_scanner: a single answer needs an object 'app'", "[marathon][scanner]") {
    CHECK(scan(R"({"app":{"id":"/a","app":{}}})", Shape::Single).apps.at(0) ==
          R"({"id":"/a","app":{}})");
    const auto* const text =
        GENERATE(R"({"apps":[{}]})", R"({"app":[]})", R"({"app":null})",
                 R"({"message":"App '/a' does not exist"})", "{}", R"({"app":{},"app":{}})");
    CAPTURE(text);
    CHECK_THROWS_AS(scan(text, Shape::Single), JsonError);
}

TEST_CASE("app_scanner: takes every shape of a file", "[marathon][scanner]") {
    CHECK(scan(R"({"apps":[{"id":"/a"}]})", Shape::Any).apps.size() == 1);
    CHECK(scan(R"([{"id":"/a"},{"id":"/b"}])", Shape::Any).apps.size() == 2);
    CHECK(scan(R"({"app":{"id":"/a"}})", Shape::Any).apps.size() == 1);
    CHECK(scan("\xEF\xBB\xBF{\"apps\":[{}]}", Shape::Any).apps.size() == 1);
    const Result tree = scan(R"({"id":"/","groups":[{"id":"/g","apps":[{"id":"/g/a"}],
        "groups":[{"apps":[{"id":"/g/h/b"},{"id":"/g/h/c"}],"pods":[{"id":"/p"}]}]}],
        "apps":[{"id":"/d"}],"pods":[]})",
                             Shape::Any);
    CHECK(tree.apps.size() == 4);
    CHECK_FALSE(tree.isPlainObject);
    const Result plain = scan(R"({"id":"/a","container":{"docker":{}}})", Shape::Any);
    CHECK(plain.apps.empty());
    CHECK(plain.isPlainObject);
    CHECK(scan("[]", Shape::Any).apps.empty());
}

TEST_CASE("app_scanner: bounds nesting and numbers", "[marathon][scanner]") {
    CHECK_THROWS_AS(scan("{\"apps\":[" + std::string(1'000'000, '['), Shape::List), JsonError);
    CHECK_THROWS_AS(scan("{\"apps\":[],\"a\":" + std::string(10'000, '1') + "}", Shape::List),
                    JsonError);
}

TEST_CASE("app_scanner: a bare array, and nothing else where one is due", "[marathon][scanner]") {
    CHECK(scan(R"([{"id":"/a"},{"id":"/b","apps":[1]}])", Shape::Array).apps.size() == 2);
    CHECK(scan("[]", Shape::Array).apps.empty());
    for (const char* const text : {"", "{}", R"({"apps":[]})", "[{}", "[]]", "null"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(scan(text, Shape::Array), JsonError);
    }
}

} // namespace mmsd::marathon
