// SPDX-License-Identifier: MIT
// Tests of response heads, URL decoding and JSON writing.
#include "tests/support/catch.h"
#include "workers/api-server/http_response.h"
#include "workers/api-server/json_writer.h"
#include "workers/api-server/url.h"

#include <limits>

using namespace mmsd::api;
using namespace std::string_literals;

TEST_CASE("http response: date", "[workers][http]") {
    using namespace std::chrono;
    const auto time = sys_days{year{1994} / 11 / 6} + 8h + 49min + 37s;
    CHECK(formatHttpDate(time) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(formatHttpDate(sys_days{year{2024} / 2 / 29} + 23h + 59min + 59s) ==
          "Thu, 29 Feb 2024 23:59:59 GMT");
}

TEST_CASE("http response: heads", "[workers][http]") {
    const auto head = [](const HttpResponse& response, bool keepsAlive) {
        std::string text;
        appendHead(text, *prepare(response), "D", keepsAlive);
        return text;
    };
    CHECK(head(textResponse(200, "pong\n"), true) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
          "X-Content-Type-Options: nosniff\r\nDate: D\r\n\r\n");
    HttpResponse busy = textResponse(503, "");
    busy.retryAfter = std::chrono::seconds{1};
    CHECK(head(busy, false) ==
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Length: 0\r\nX-Content-Type-Options: nosniff\r\nRetry-After: 1\r\nDate: D\r\n"
          "Connection: close\r\n\r\n");
    HttpResponse none;
    none.status = 204;
    none.allow = "GET";
    CHECK(head(none, true) == "HTTP/1.1 204 No Content\r\nAllow: GET\r\nDate: D\r\n\r\n");
    HttpResponse tagged = textResponse(200, "x\n");
    tagged.entityTag = "\"t\"";
    tagged.cacheControl = "no-cache";
    tagged.variesByAccept = true;
    tagged.fields = "Mmsd-Generation: 7\r\n";
    CHECK(head(tagged, true) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n"
          "X-Content-Type-Options: nosniff\r\nETag: \"t\"\r\nCache-Control: no-cache\r\n"
          "Vary: Accept\r\nMmsd-Generation: 7\r\nDate: D\r\n\r\n");
    CHECK(head(notModified(tagged), true) ==
          "HTTP/1.1 304 Not Modified\r\nETag: \"t\"\r\nCache-Control: no-cache\r\n"
          "Vary: Accept\r\nDate: D\r\n\r\n");
    HttpResponse stream;
    stream.contentType = kEventStreamType;
    stream.hasLength = false;
    CHECK(head(stream, false) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
          "X-Content-Type-Options: nosniff\r\nDate: D\r\nConnection: close\r\n\r\n");
}

TEST_CASE("url: percent-decoding", "[workers][http]") {
    CHECK(percentDecode("") == "");
    CHECK(percentDecode("/a%2Fb%2fc+d") == "/a/b/c+d");
    CHECK(percentDecode("%25") == "%");
    CHECK(percentDecode("%c3%A4") == "\xc3\xa4");
    for (const std::string& bad : {"%"s, "%2"s, "%2g"s, "a%"s, "%00"s, "%0a"s, "%7F"s, "%-1"s}) {
        CAPTURE(bad);
        CHECK(percentDecode(bad) == std::nullopt);
    }
}

TEST_CASE("url: query strings", "[workers][http]") {
    using Parameters = std::vector<std::pair<std::string, std::string>>;
    CHECK(parseQuery("") == Parameters{});
    CHECK(parseQuery("a=1&&b&c==x&d%3D=%26") ==
          Parameters{{"a", "1"}, {"b", ""}, {"c", "=x"}, {"d=", "&"}});
    CHECK(parseQuery("a=%zz") == std::nullopt);
    CHECK(parseQuery("%=1") == std::nullopt);
}

TEST_CASE("json writer: places commas and escapes", "[workers][json]") {
    JsonWriter json;
    json.beginObject();
    json.member("text", "a\"\\\n\x01\xff");
    json.member("truth", true);
    json.member("count", std::uint64_t{18446744073709551615U});
    json.member("half", 0.5);
    json.member("nan", std::numeric_limits<double>::quiet_NaN());
    json.member("none", std::optional<int>{});
    json.key("list");
    json.beginArray();
    json.value(1);
    json.beginObject();
    json.endObject();
    json.beginArray();
    json.endArray();
    json.null();
    json.endArray();
    json.endObject();
    CHECK(std::move(json).take() ==
          "{\"text\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\",\"truth\":true,"
          "\"count\":18446744073709551615,\"half\":0.5,\"nan\":null,\"none\":null,"
          "\"list\":[1,{},[],null]}");
}
