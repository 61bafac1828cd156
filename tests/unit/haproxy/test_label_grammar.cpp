// SPDX-License-Identifier: MIT
// Strict grammars of labels.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/label_grammar.h"

using namespace mmsd::haproxy;

namespace {

/** What must never reach the text, in every place that a label can reach. */
const std::vector<std::string> kHostile = {
    "a\nb",   std::string{"a\0b", 3},
    "a\"b",   "a'b",
    "a#b",    "${PATH}",
    "%[src]", std::string(10'240, 'a'),
    " ",      "\xc3\xa9",
    "a b",    "a\\b",
    "a\rb",   "a\tb",
    "a{b}",
};

} // namespace

TEST_CASE("label grammar: refuses whatever HAProxy could interpret", "[haproxy][label]") {
    for (const std::string& value : kHostile) {
        CAPTURE(value);
        CHECK_FALSE(parseVirtualHost(value));
        CHECK_FALSE(isSafePath("/" + value));
        CHECK_FALSE(isSafeAppId("/" + (value.size() > 1'000 ? value + " " : value)));
        CHECK_FALSE(parseBalance(value));
        CHECK_FALSE(parseConnectionMode(value));
        CHECK(parseProtocol(value) == AppProtocol::Tcp);
        if (value != " ") { // blank is "off"
            CHECK_FALSE(parseSwitch(value));
            CHECK_FALSE(parseProxyProtocol(value));
        }
    }
}

TEST_CASE("label grammar: reads host names without case, port and final dot", "[haproxy][label]") {
    CHECK(parseVirtualHost("Www.Example.COM") == "www.example.com");
    CHECK(parseVirtualHost(" a.b:8080 ") == "a.b");
    CHECK(parseVirtualHost("a.b.") == "a.b");
    CHECK(parseVirtualHost("*.Example.com") == ".example.com");
    CHECK(parseVirtualHost("_sip.a-b.de") == "_sip.a-b.de");
    CHECK(parseVirtualHost("10.0.0.1") == "10.0.0.1");
    for (const char* const bad :
         {"", ".", "*", "*.", "a..b", ".a", "a.*.b", "a:b", "a:70000", "[::1]", "-:", "a,b", "a/b"})
        CHECK_FALSE(parseVirtualHost(bad));
    CHECK_FALSE(parseVirtualHost(std::string(64, 'a') + ".de"));
    CHECK(parseVirtualHost(std::string(63, 'a') + ".de"));
}

TEST_CASE("label grammar: knows the words of each label", "[haproxy][label]") {
    CHECK(parseProtocol("HTTP") == AppProtocol::Http);
    CHECK(parseProtocol("redis") == AppProtocol::Redis);
    CHECK(parseProtocol("redis-master") == AppProtocol::RedisMaster);
    CHECK(parseProtocol("redis-slave") == AppProtocol::RedisSlave);
    CHECK(parseProtocol("smtp") == AppProtocol::Smtp);
    CHECK(parseProtocol("gopher") == AppProtocol::Tcp);
    CHECK(parseSwitch("1") == true);
    CHECK(parseSwitch(" true ") == true);
    CHECK(parseSwitch("0") == false);
    CHECK(parseSwitch("") == false);
    CHECK_FALSE(parseSwitch("2"));
    CHECK(parseBalance("source") == Balance::Source);
    CHECK(parseBalance("random") == Balance::Random);
    CHECK_FALSE(parseBalance("static-rr"));
    CHECK(parseConnectionMode("http-server-close") == ConnectionMode::ServerClose);
    CHECK(parseProxyProtocol("2") == ProxyProtocol::V2);
    CHECK_FALSE(parseProxyProtocol("3"));
}

TEST_CASE("label grammar: paths and ids", "[haproxy][label]") {
    CHECK(isSafePath("/health?ready=1&x=a,b"));
    CHECK_FALSE(isSafePath("health"));
    CHECK_FALSE(isSafePath("/a%20b"));
    CHECK_FALSE(isSafePath(""));
    CHECK(isSafeAppId("/a/b-c.d"));
    CHECK_FALSE(isSafeAppId("/"));
    CHECK_FALSE(isSafeAppId("a"));
}

TEST_CASE("proxy name: is injective and legal for HAProxy", "[haproxy][label]") {
    CHECK(proxyName("/developer/trapni/php", 0) == "developer_trapni_php_0");
    CHECK(proxyName("/a_b", 1) == "a:5Fb_1");
    CHECK(proxyName("/a.b", 0) != proxyName("/a/b", 0));
    CHECK(proxyName("/a/1", 0) != proxyName("/a", 10));
}
