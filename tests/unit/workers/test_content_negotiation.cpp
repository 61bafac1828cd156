// SPDX-License-Identifier: MIT
// Tests of media type negotiation and entity tags.
#include "tests/support/catch.h"
#include "workers/api-server/content_negotiation.h"
#include "workers/api-server/entity_tag.h"
#include "workers/api-server/http_response.h"

#include <array>

using namespace mmsd::api;

namespace {

/** "text", "json" or "none". */
std::string chosen(std::string_view accept) {
    constexpr std::array kTypes{kTextType, kJsonType};
    const auto index = negotiate(accept, kTypes);
    return !index ? "none" : *index == 0 ? "text" : "json";
}

} // namespace

TEST_CASE("negotiation: text is the default", "[workers][http]") {
    // The second row is what browsers send.
    for (const char* accept :
         {"", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
          "text/plain", "text/*", "TEXT/PLAIN", "image/png", "application/xml", ",", ";", "garbage",
          "text/plain;charset=utf-8", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
          "application/*;q=0", "text/plain, application/json", "*/*;q=0.1"}) {
        CAPTURE(accept);
        CHECK(chosen(accept) == "text");
    }
}

TEST_CASE("negotiation: JSON for who prefers it", "[workers][http]") {
    // The second row is what axios sends, the third what many libraries do.
    for (const char* accept :
         {"application/json", "application/json, text/plain, */*", "application/json, */*",
          "*/*, application/json", "application/json;q=0.5", "Application/JSON; q=1.0",
          "application/*", "text/plain;q=0.5, application/json;q=0.6", "text/plain;q=0, */*",
          "text/*;q=0.3, application/*;q=0.4", "text/plain;q=0", "text/html, application/json",
          "application/json;charset=utf-8;q=1"}) {
        CAPTURE(accept);
        CHECK(chosen(accept) == "json");
    }
}

TEST_CASE("negotiation: none where all is ruled out", "[workers][http]") {
    for (const char* accept : {"*/*;q=0", "text/plain;q=0, application/json;q=0.000",
                               "text/*;q=0,application/*;q=0.0", "image/png, */*;q=0"}) {
        CAPTURE(accept);
        CHECK(chosen(accept) == "none");
    }
    CHECK(chosen("*/*;q=0, application/json") == "json");
}

TEST_CASE("negotiation: malformed weights count as full", "[workers][http]") {
    for (const char* weight : {"2", "1.1", "-1", "x", "0.1234", "1.001", "01", "1,"}) {
        CAPTURE(weight);
        CHECK(chosen(std::string{"text/plain;q=0.9, application/json;q="} + weight) == "json");
    }
}

TEST_CASE("entity tag: tells contents apart", "[workers][http]") {
    const std::string tag = makeEntityTag(200, kTextType, "a\n");
    CHECK(tag.size() == 18);
    CHECK(tag.front() == '"');
    CHECK(tag.back() == '"');
    CHECK(tag == makeEntityTag(200, kTextType, "a\n"));
    CHECK(tag != makeEntityTag(200, kTextType, "b\n"));
    CHECK(tag != makeEntityTag(200, kJsonType, "a\n"));
    CHECK(makeEntityTag(204, "", "") != makeEntityTag(404, "", ""));
}

TEST_CASE("entity tag: If-None-Match", "[workers][http]") {
    for (const char* field :
         {"\"a\"", "W/\"a\"", "*", " * ", "\"x\", \"a\"", "\"x,y\",W/\"a\"", "\"a\",\"x"}) {
        CAPTURE(field);
        CHECK(matchesTag(field, "\"a\""));
    }
    for (const char* field :
         {"", "a", "\"a", "\"b\"", "\"aa\"", "\"", "\"x\"a\"y\"", "**", "W/", "\"x,\"a\",y\""}) {
        CAPTURE(field);
        CHECK_FALSE(matchesTag(field, "\"a\""));
    }
}
