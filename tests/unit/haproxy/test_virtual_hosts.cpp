// SPDX-License-Identifier: MIT
// Who answers for which host name of the gateway.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using mmsd::test::containsText;

namespace {

using Hosts = std::map<std::string, std::string>;

protocol::App httpApp(const std::string& id, std::initializer_list<std::uint16_t> ports) {
    auto made = app(id, ports);
    made.labels["proto"] = "http";
    return made;
}

} // namespace

TEST_CASE("virtual hosts: lists, blanks, wildcards and case", "[haproxy][vhost]") {
    auto a = httpApp("/a", {10'000});
    a.ports[0].labels["lb-vhost"] = "a.com, B.com ,*.wild.com";
    const Model made = model({a});
    CHECK(made.http.exact == Hosts{{"a.com", "a_0"}, {"b.com", "a_0"}});
    CHECK(made.http.suffixes == Hosts{{".wild.com", "a_0"}});
    CHECK(made.refusals.empty());
}

TEST_CASE("virtual hosts: one bad name costs that name", "[haproxy][vhost]") {
    auto a = httpApp("/a", {10'000});
    a.ports[0].labels["lb-vhost"] = "a.com,b com\n,c.com";
    const Model made = model({a});
    CHECK(made.http.exact == Hosts{{"a.com", "a_0"}, {"c.com", "a_0"}});
    CHECK_THAT(reasons(made, "/a"), containsText(R"(label lb-vhost="b com": is no host name)"));
}

TEST_CASE("virtual hosts: on the app, the first port that fits has them", "[haproxy][vhost]") {
    auto a = app("/a", {10'000, 10'001});
    a.ports[1].labels["proto"] = "http";
    a.labels["lb-vhost"] = "a.com";
    a.labels["lb-vhost-ssl"] = "a.com";
    const Model made = model({a});
    CHECK(made.http.exact == Hosts{{"a.com", "a_1"}});
    CHECK(made.tls.exact == Hosts{{"a.com", "a_0"}});
    CHECK(made.refusals.empty());
}

TEST_CASE("virtual hosts: the port must speak what the gateway passes on", "[haproxy][vhost]") {
    auto a = app("/a", {10'000});
    a.ports[0].labels["lb-vhost"] = "a.com";
    CHECK_THAT(reasons(model({a}), "/a"), containsText("needs proto=http"));
    a.ports[0].labels = {{"proto", "http"}, {"lb-vhost-ssl", "a.com"}};
    CHECK_THAT(reasons(model({a}), "/a"), containsText("not proto=http"));
}

TEST_CASE("virtual hosts: a name claimed twice has a stable winner", "[haproxy][vhost]") {
    auto a = httpApp("/a", {10'000});
    auto b = httpApp("/b", {10'001});
    a.ports[0].labels["lb-vhost"] = "x.com";
    b.ports[0].labels["lb-vhost"] = "X.com";
    const Model made = model({a, b});
    CHECK(made.http.exact == Hosts{{"x.com", "a_0"}});
    CHECK(reasons(made, "/b") == "label lb-vhost=\"x.com\": taken by /a port index 0\n");

    ExposureRules rules;
    rules.hasGateway = true;
    Claims claims;
    claims.http.exact["x.com"] = "b_0";
    CHECK(expose(snapshot({a, b}), rules, claims).http.exact == Hosts{{"x.com", "b_0"}});
}

TEST_CASE("virtual hosts: defaults by port index, or 1 on a port", "[haproxy][vhost]") {
    auto a = httpApp("/a", {10'000, 10'001});
    a.ports[1].labels["proto"] = "tcp";
    SECTION("on the app it names the port") {
        a.labels["lb-vhost-default"] = "0";
        a.labels["lb-vhost-ssl-default"] = "1";
        const Model made = model({a});
        CHECK(made.http.fallback == "a_0");
        CHECK(made.tls.fallback == "a_1");
    }
    SECTION("on a port it is its index or 1") {
        a.ports[0].labels["lb-vhost-default"] = "1";
        a.ports[1].labels["lb-vhost-default-ssl"] = "1";
        const Model made = model({a});
        CHECK(made.http.fallback == "a_0");
        CHECK(made.tls.fallback == "a_1");
    }
    SECTION("anything else is told") {
        a.labels["lb-vhost-default"] = "7";
        a.ports[1].labels["lb-vhost-default-ssl"] = "yes";
        const Model made = model({a});
        CHECK_FALSE(made.http.fallback);
        CHECK_FALSE(made.tls.fallback);
        CHECK(made.refusals.size() == 2);
    }
    SECTION("one default for all") {
        a.labels["lb-vhost-default"] = "0";
        auto b = httpApp("/b", {10'002});
        b.ports[0].labels["lb-vhost-default"] = "0";
        const Model made = model({a, b});
        CHECK(made.http.fallback == "a_0");
        CHECK(reasons(made, "/b") == "lb-vhost-default taken by /a port index 0\n");
    }
}

TEST_CASE("virtual hosts: nothing without a gateway", "[haproxy][vhost]") {
    auto a = httpApp("/a", {10'000});
    a.ports[0].labels["lb-vhost"] = "bad host";
    const Model made = expose(snapshot({a}), {}, {});
    CHECK(made.http.exact.empty());
    CHECK(made.refusals.empty());
}
