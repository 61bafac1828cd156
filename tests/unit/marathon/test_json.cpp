// SPDX-License-Identifier: MIT
// Tests of the JSON documents: types, broken text, depth.
#include "daemon/marathon/json.h"

#include "tests/support/catch.h"

namespace mmsd::marathon {

TEST_CASE("json: finds members and values by type", "[marathon][json]") {
    const auto document = JsonDocument::parse(
        R"({"s":"x","i":7,"d":1.5,"b":true,"n":null,"a":[1,2],"o":{"k":"v"},"big":9223372036854775807})");
    const auto root = document.root();
    CHECK(root.isObject());
    CHECK(root["s"].string() == "x");
    CHECK(root["i"].integer() == 7);
    CHECK(root["big"].integer() == 9223372036854775807);
    CHECK(root["b"].boolean() == true);
    CHECK(root["o"]["k"].string() == "v");
    CHECK(root["a"].elements().size() == 2);
    CHECK(root["o"].members().at(0).first == "k");
}

TEST_CASE("json: missing, null and wrong types find nothing", "[marathon][json]") {
    const auto document =
        JsonDocument::parse(R"({"s":"x","d":1.5,"n":null,"u":18446744073709551615})");
    const auto root = document.root();
    CHECK_FALSE(root["missing"].isPresent());
    CHECK_FALSE(root["n"].isPresent());
    CHECK_FALSE(root["missing"]["deeper"]["still"].isPresent());
    CHECK_FALSE(root["s"].integer());
    CHECK_FALSE(root["s"].boolean());
    CHECK_FALSE(root["d"].integer());
    CHECK_FALSE(root["d"].string());
    CHECK_FALSE(root["u"].integer());
    CHECK(root["s"].elements().empty());
    CHECK(root["s"].members().empty());
    CHECK_FALSE(root["s"]["x"].isPresent());
}

TEST_CASE("json: refuses what is no whole document", "[marathon][json]") {
    const auto* const text = GENERATE("", " ", "{", "[1,", "{\"a\":}", "{\"a\":1}x", "nul", "[01]",
                                      "\"\\x\"", "[1] [2]", "\"\xff\"", "\"\xed\xa0\x80\"");
    CAPTURE(text);
    CHECK_THROWS_AS(JsonDocument::parse(text), JsonError);
}

TEST_CASE("json: a NUL does not end the text early", "[marathon][json]") {
    using namespace std::string_view_literals;
    CHECK_THROWS_AS(JsonDocument::parse("{}\0garbage"sv), JsonError);
    CHECK(JsonDocument::parse(R"("a\u0000b")").root().string() == "a\0b"sv);
}

TEST_CASE("json: bounds the nesting", "[marathon][json]") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK_NOTHROW(JsonDocument::parse(nested(kMaxJsonDepth)));
    CHECK_THROWS_WITH(JsonDocument::parse(nested(kMaxJsonDepth + 1)),
                      test::containsText("nested too deeply"));
    CHECK_THROWS_AS(JsonDocument::parse(std::string(1'000'000, '[')), JsonError);
    std::string objects;
    for (int i = 0; i < 1'000'000; ++i)
        objects += "{\"a\":";
    CHECK_THROWS_AS(JsonDocument::parse(objects), JsonError);
}

TEST_CASE("json: takes several documents off one text", "[marathon][json]") {
    std::string_view text = " {\"a\":1} \r\n {} [2]";
    CHECK(JsonDocument::takeFirst(text).root()["a"].integer() == 1);
    CHECK(JsonDocument::takeFirst(text).root().isObject());
    CHECK(JsonDocument::takeFirst(text).root().elements().size() == 1);
    CHECK(text.empty());
    CHECK_THROWS_AS(JsonDocument::takeFirst(text), JsonError);
}

} // namespace mmsd::marathon
