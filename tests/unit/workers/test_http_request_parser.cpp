// SPDX-License-Identifier: MIT
// Tests of the request parser: what it takes, what it refuses, at every split.
#include "tests/support/catch.h"
#include "workers/api-server/http_request_parser.h"

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using mmsd::api::HttpRequestParser;
using namespace std::string_literals;

namespace {

/** 200 for a complete request, the refusing status, or 0 for "more, please". */
int outcome(const std::string& octets) {
    HttpRequestParser parser;
    parser.feed(octets);
    return parser.error() ? parser.error()->status : parser.isComplete() ? 200 : 0;
}

std::string get(const std::string& headers, const std::string& target = "/") {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}

} // namespace

TEST_CASE("request parser: takes a plain request", "[workers][http]") {
    HttpRequestParser parser;
    CHECK(parser.isUntouched());
    const std::string text = get("Accept: */*\r\nX-Empty:\r\n", "/v1/apps?a=1&b");
    CHECK(parser.feed(text + "GET") == text.size());
    REQUIRE(parser.isComplete());
    CHECK_FALSE(parser.isUntouched());
    CHECK(parser.request().method == "GET");
    CHECK(parser.request().path == "/v1/apps");
    CHECK(parser.request().query == "a=1&b");
    CHECK(parser.request().keepsAlive);
    parser.reset();
    CHECK(parser.isUntouched());
    CHECK_FALSE(parser.isComplete());
}

TEST_CASE("request parser: gives the same result at every split", "[workers][http]") {
    const std::vector<std::pair<std::string, int>> samples{
        {get("Connection: close\r\n", "/a%2Fb?c=d"), 200},
        {"GET / HTTP/1.1\nHost: x\n\n", 200},
        {"\r\nHEAD /x HTTP/1.0\r\n\r\n", 200},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
         200},
        {get("Bad Name: x\r\n"), 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
    };
    for (const auto& [text, expected] : samples) {
        CAPTURE(text);
        HttpRequestParser whole;
        whole.feed(text);
        for (std::size_t split = 0; split <= text.size(); ++split) {
            HttpRequestParser parser;
            const std::string_view view{text};
            std::size_t used = parser.feed(view.substr(0, split));
            if (!parser.error())
                used += parser.feed(view.substr(split));
            CAPTURE(split);
            CHECK((parser.error() ? parser.error()->status : 200) == expected);
            if (expected == 200) {
                REQUIRE(parser.isComplete());
                CHECK(used == text.size());
                CHECK(parser.request().path == whole.request().path);
                CHECK(parser.request().keepsAlive == whole.request().keepsAlive);
            }
        }
        HttpRequestParser single;
        for (const char octet : text)
            if (!single.error())
                single.feed({&octet, 1});
        CHECK((single.error()        ? single.error()->status
               : single.isComplete() ? 200
                                     : 0) == expected);
    }
}

TEST_CASE("request parser: keeps the connection as version and Connection say", "[workers][http]") {
    const auto keeps = [](const std::string& text) {
        HttpRequestParser parser;
        parser.feed(text);
        REQUIRE(parser.isComplete());
        return parser.request().keepsAlive;
    };
    CHECK(keeps(get("")));
    CHECK(keeps(get("Connection: keep-alive\r\n")));
    CHECK_FALSE(keeps(get("Connection: close\r\n")));
    CHECK_FALSE(keeps(get("connection: Upgrade , CLOSE\r\n")));
    CHECK_FALSE(keeps(get("Connection: keep-alive\r\nConnection: close\r\n")));
    CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
    CHECK(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    CHECK(keeps("GET / HTTP/1.9\r\nHost: x\r\n\r\n"));
}

TEST_CASE("request parser: forms of the target", "[workers][http]") {
    const auto path = [](const std::string& method, const std::string& target) {
        HttpRequestParser parser;
        parser.feed(method + " " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
        return parser.isComplete() ? parser.request().path + "|" + parser.request().query
                                   : std::to_string(parser.error()->status);
    };
    CHECK(path("GET", "/") == "/|");
    CHECK(path("GET", "/?") == "/|");
    CHECK(path("GET", "//a") == "//a|");
    CHECK(path("GET", "http://host:80/a?b") == "/a|b");
    CHECK(path("GET", "HTTPS://host") == "/|");
    CHECK(path("GET", "http://host?q") == "/|q");
    CHECK(path("OPTIONS", "*") == "*|");
    CHECK(path("CONNECT", "host:443") == "host:443|");
    CHECK(path("GET", "*") == "400");
    CHECK(path("GET", "a") == "400");
    CHECK(path("GET", "http://") == "400");
    CHECK(path("GET", "http:///a") == "400");
    CHECK(path("GET", "ftp://host/a") == "400");
    CHECK(path("GET", "/a#b") == "400");
}

TEST_CASE("request parser: refuses malformed request lines", "[workers][http]") {
    for (const std::string& line :
         {"GET"s, "GET /"s, "GET  / HTTP/1.1"s, "GET / HTTP/1.1 "s, " GET / HTTP/1.1"s,
          "GET / b HTTP/1.1"s, "GET /\tb HTTP/1.1"s, "G(T / HTTP/1.1"s, "GET / http/1.1"s,
          "GET / HTTP/1"s, "GET / HTTP/1.10"s, "GET / HTTP/1,1"s, "GET / HTTP/a.1"s,
          "GET /\x80 HTTP/1.1"s, "GET /\0 HTTP/1.1"s, "GET /\x7f HTTP/1.1"s, "GET /\r HTTP/1.1"s,
          "\x16\x03\x01\x02"s}) {
        CAPTURE(line);
        CHECK(outcome(line + "\r\nHost: x\r\n\r\n") == 400);
    }
    CHECK(outcome("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
    CHECK(outcome("GET / HTTP/3.0\r\n\r\n") == 505);
    CHECK(outcome("GET / HTTP/0.9\r\n\r\n") == 505);
    CHECK(outcome("\r\n\r\n\r\n") == 400);
    CHECK(outcome("\r\n\r\n" + get("")) == 200);
}

TEST_CASE("request parser: refuses malformed header lines", "[workers][http]") {
    for (const std::string& line :
         {"X : y"s, " X: y"s, "\tfolded"s, "X"s, ": y"s, "X\xc3: y"s, "X: a\0b"s, "X: a\x01"s,
          "X: a\rb"s, "X: a\x7f"s, "X\r: y"s, "a b: c"s}) {
        CAPTURE(line);
        CHECK(outcome(get(line + "\r\n")) == 400);
    }
    CHECK(outcome(get("X: tab\tand \xc3\xa4\r\n")) == 200);
    CHECK(outcome(get("X:y\n")) == 200);
}

TEST_CASE("request parser: wants one Host in 1.1", "[workers][http]") {
    CHECK(outcome("GET / HTTP/1.1\r\n\r\n") == 400);
    CHECK(outcome("GET / HTTP/1.0\r\n\r\n") == 200);
    CHECK(outcome("GET / HTTP/1.1\r\nHost:\r\n\r\n") == 200);
    CHECK(outcome("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
    CHECK(outcome("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n") == 400);
    CHECK(outcome("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
}

TEST_CASE("request parser: refuses what smuggles requests", "[workers][http]") {
    for (const std::string& headers :
         {"Content-Length: 1\r\nContent-Length: 2\r\n"s, "Content-Length: 1, 1\r\n"s,
          "Content-Length: +1\r\n"s, "Content-Length: -1\r\n"s, "Content-Length: 0x1\r\n"s,
          "Content-Length:\r\n"s, "Content-Length: 1 1\r\n"s,
          "Content-Length: 99999999999999999999\r\n"s,
          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"s,
          "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"s,
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"s,
          "Transfer-Encoding : chunked\r\n"s,
          "Transfer-Encoding:\x0b"
          "chunked\r\n"s}) {
        CAPTURE(headers);
        CHECK(outcome(get(headers) + "0\r\n\r\n") == 400);
    }
    CHECK(outcome(get("Transfer-Encoding: gzip, chunked\r\n")) == 501);
    CHECK(outcome(get("Transfer-Encoding: xchunked\r\n")) == 501);
    CHECK(outcome("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
    CHECK(outcome(get("Content-Length: 1\r\nContent-Length: 1\r\n") + "x") == 200);
    for (const std::string& chunks :
         {"x\r\n"s, "-1\r\n"s, "0x1\r\n"s, "\r\n"s, "1\r\nab\r\n"s, "1\r\na\n\n0\r\n"s,
          "fffffffffffffffff\r\n"s, "1;\x01\r\na"s, "1 1\r\na"s}) {
        CAPTURE(chunks);
        CHECK(outcome(get("Transfer-Encoding: chunked\r\n") + chunks) == 400);
    }
    CHECK(outcome(get("Transfer-Encoding: chunked\r\n") + "1 ;x=y\r\na\r\n0\r\n\r\n") == 200);
    // What follows the last chunk is the next request, not more of this one.
    HttpRequestParser parser;
    const std::string first = get("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n";
    CHECK(parser.feed(first + get("")) == first.size());
}

TEST_CASE("request parser: trailers do not change the request", "[workers][http]") {
    HttpRequestParser parser;
    parser.feed(get("Transfer-Encoding: chunked\r\n") +
                "0\r\nContent-Length: 9\r\nConnection: close\r\nHost: y\r\n\r\n");
    REQUIRE(parser.isComplete());
    CHECK(parser.request().keepsAlive);
}

TEST_CASE("request parser: throws small bodies away and refuses large ones", "[workers][http]") {
    using mmsd::api::kMaxDrainedBody;
    const auto body = [](std::size_t size) {
        return get("Content-Length: " + std::to_string(size) + "\r\n");
    };
    CHECK(outcome(body(kMaxDrainedBody)) == 0);
    CHECK(outcome(body(kMaxDrainedBody) + std::string(kMaxDrainedBody, 'x')) == 200);
    CHECK(outcome(body(kMaxDrainedBody + 1)) == 413);
    CHECK(outcome(get("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\n") == 413);
    CHECK(outcome(get("Transfer-Encoding: chunked\r\n") + "8001\r\n" + std::string(0x8001, 'x') +
                  "\r\n8000\r\n") == 413);
    CHECK(outcome(get("Expect: 100-continue\r\nContent-Length: 1\r\n")) == 417);
    CHECK(outcome(get("Expect: 100-continue\r\n")) == 200);
}

TEST_CASE("request parser: limits lines and headers", "[workers][http]") {
    using namespace mmsd::api;
    const auto target = [](std::size_t lineSize) {
        const std::string rest = "GET / HTTP/1.1";
        return get("", "/" + std::string(lineSize - rest.size(), 'a'));
    };
    CHECK(outcome(target(kMaxRequestLine)) == 200);
    CHECK(outcome(target(kMaxRequestLine + 2)) == 414);
    CHECK(outcome(std::string(kMaxRequestLine + 2, 'A')) == 414); // without any line end
    CHECK(outcome(std::string(1 << 20, '\0')) == 414);

    std::string lines;
    for (std::size_t i = 0; i + 1 < kMaxHeaderLines; ++i)
        lines += "X: y\r\n";
    CHECK(outcome(get(lines)) == 200);
    CHECK(outcome(get(lines + "X: y\r\n")) == 431);

    const std::size_t used = "Host: x\r\n"s.size() + "X: "s.size() + 2;
    CHECK(outcome(get("X: " + std::string(kMaxHeaderBytes - used, 'y') + "\r\n")) == 200);
    CHECK(outcome(get("X: " + std::string(kMaxHeaderBytes - used + 1, 'y') + "\r\n")) == 431);
    CHECK(outcome("GET / HTTP/1.1\r\n" + std::string(kMaxHeaderBytes + 2, 'y')) == 431);

    const std::string chunked = get("Transfer-Encoding: chunked\r\n");
    CHECK(outcome(chunked + "1;" + std::string(kMaxChunkSizeLine, 'x')) == 400);
    std::string trailers;
    for (std::size_t i = 0; i < kMaxHeaderLines; ++i)
        trailers += "X: y\r\n";
    CHECK(outcome(chunked + "0\r\n" + trailers + "\r\n") == 431);
}

TEST_CASE("request parser: survives any octets", "[workers][http]") {
    std::mt19937 random{12345};
    const std::string alphabet = "GET /:HTTP/1.1\r\n\r\n \t0123456789abc%?#;,\0\xff"s +
                                 "Content-Length: Transfer-Encoding: chunked Host: x";
    for (int round = 0; round < 20'000; ++round) {
        HttpRequestParser parser;
        std::string text = round % 3 == 0 ? "GET / HTTP/1.1\r\nHost: x\r\n" : "";
        const std::size_t size = random() % 200;
        for (std::size_t i = 0; i < size; ++i)
            text += alphabet[random() % alphabet.size()];
        std::string_view rest = text;
        while (!rest.empty() && !parser.error() && !parser.isComplete()) {
            const std::string_view part = rest.substr(0, 1 + random() % 7);
            const std::size_t used = parser.feed(part);
            REQUIRE(used > 0);
            REQUIRE(used <= part.size());
            rest.remove_prefix(used);
        }
    }
    SUCCEED();
}
