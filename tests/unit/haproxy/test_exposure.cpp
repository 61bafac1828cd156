// SPDX-License-Identifier: MIT
// Which app ports are exposed, who wins conflicts, and what is told about the others.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using mmsd::test::containsText;
using protocol::Serving;

namespace {

const Service& only(const Model& model) {
    REQUIRE(model.services.size() == 1);
    return model.services.front();
}

Model exposeWith(std::vector<protocol::App> apps, const ExposureRules& rules,
                 const Claims& claims = {}) {
    return expose(snapshot(std::move(apps)), rules, claims);
}

} // namespace

TEST_CASE("exposure: takes tcp ports with a service port", "[haproxy][exposure]") {
    auto a = app("/a", {10'000, 0, 10'002});
    a.ports[2].isTcp = false;
    a.ports[2].isUdp = true;
    const Model made = model({a});
    CHECK(only(made).servicePort == 10'000);
    CHECK(reasons(made, "/a") == "no service port\n");
}

TEST_CASE("exposure: filters by lb-group, the port's label before the app's",
          "[haproxy][exposure]") {
    auto a = app("/a", {10'000, 10'001});
    a.labels["lb-group"] = "external";
    a.ports[1].labels["lb-group"] = "internal";
    auto b = app("/b", {10'002});
    CHECK(exposeWith({a, b}, {}).services.size() == 3);
    ExposureRules rules;
    rules.groups = {"internal", "other"};
    CHECK(only(exposeWith({a, b}, rules)).portIndex == 1);
}

TEST_CASE("exposure: serving instances become servers, killed ones drain, once each",
          "[haproxy][exposure]") {
    auto a = app("/a", {10'000, 10'001});
    a.instances = {instance("10.0.0.2", {31'000, 31'001}),
                   instance("10.0.0.1", {31'000, 31'001}),
                   instance("10.0.0.1", {31'000, 31'009}),
                   instance("10.0.0.3", {31'000, 31'001}, Serving::Draining),
                   instance("10.0.0.4", {31'000, 31'001}, Serving::Unhealthy),
                   instance("10.0.0.5", {0, 31'001}),
                   instance("10.0.0.1", {31'000, 1}, Serving::Draining)};
    a.instances.push_back(instance("10.0.0.6", {31'000, 31'001}));
    a.instances.back().hostAddresses.clear();
    const Model made = model({a});
    REQUIRE(made.services.size() == 2);
    const Service& first = made.services[0];
    REQUIRE(first.servers.size() == 2);
    CHECK(serverName(first.servers[0]) == "10.0.0.1:31000");
    CHECK(serverName(first.servers[1]) == "10.0.0.2:31000");
    REQUIRE(first.draining.size() == 1);
    CHECK(serverName(first.draining[0]) == "10.0.0.3:31000");
    CHECK(made.services[1].servers.size() == 4);
}

TEST_CASE("exposure: one service port goes to the holder, the older version, the smaller id",
          "[haproxy][exposure]") {
    auto a = app("/a", {10'000});
    auto b = app("/b", {10'000});
    auto c = app("/c", {10'000});
    CHECK(only(model({b, a, c})).appId == "/a");
    b.version = "2015-01-01T00:00:00Z";
    const Model older = model({a, b, c});
    CHECK(only(older).appId == "/b");
    CHECK(reasons(older, "/a") == "service port 10000 taken by /b port index 0\n");
    Claims claims;
    claims.ports[10'000] = {"/c", 0};
    CHECK(only(exposeWith({a, b, c}, {}, claims)).appId == "/c");
}

TEST_CASE("exposure: mmsd's own ports stay its own", "[haproxy][exposure]") {
    ExposureRules rules;
    rules.ownPorts = {{8081, "HAProxy management"}, {8082, "API"}};
    auto a = app("/a", {8081, 8082, 10'000});
    const Model made = exposeWith({a}, rules);
    CHECK(only(made).servicePort == 10'000);
    CHECK_THAT(reasons(made, "/a"), containsText("service port 8081 is mmsd's own (HAProxy"));
    CHECK_THAT(reasons(made, "/a"), containsText("service port 8082 is mmsd's own (API)"));
}

TEST_CASE("exposure: the protocol comes from the label, else from the check",
          "[haproxy][exposure]") {
    auto a = app("/a", {10'000});
    CHECK(only(model({a})).protocol == AppProtocol::Tcp);
    a.ports[0].check.emplace();
    CHECK(only(model({a})).protocol == AppProtocol::Http);
    a.ports[0].check->protocol = protocol::CheckProtocol::Https;
    CHECK(only(model({a})).protocol == AppProtocol::Tcp);
    a.labels["proto"] = "redis";
    CHECK(only(model({a})).protocol == AppProtocol::Redis);
    a.ports[0].labels["proto"] = "unheard-of";
    CHECK(only(model({a})).protocol == AppProtocol::Tcp);
}

TEST_CASE("exposure: a bad label costs that label only, and is told", "[haproxy][exposure]") {
    auto a = app("/a", {10'000});
    a.labels = {{"lb-balance", "a\nb"}, {"lb-accept-proxy", "maybe"}, {"lb-proxy-protocol", "3"}};
    const Model made = model({a});
    CHECK(only(made).balance == Balance::LeastConnections);
    CHECK_FALSE(only(made).acceptsProxy);
    CHECK_THAT(reasons(made, "/a"), containsText(R"(label lb-balance="a\nb": expected leastconn)"));
    CHECK_THAT(reasons(made, "/a"), containsText(R"(label lb-accept-proxy="maybe")"));
    CHECK_THAT(reasons(made, "/a"), containsText(R"(label lb-proxy-protocol="3")"));
    CHECK(made.refusals.front().portIndex == 0);
}

TEST_CASE("exposure: an app id that HAProxy could misread costs that app", "[haproxy][exposure]") {
    const Model made = model({app("/a\n    bind :1", {10'000}), app("/b", {10'001})});
    CHECK(only(made).appId == "/b");
    CHECK(made.refusals.size() == 1);
}

TEST_CASE("exposure: checks follow Marathon's definition", "[haproxy][exposure]") {
    using namespace std::chrono_literals;
    auto a = app("/a", {10'000});
    a.ports[0].check = protocol::HealthCheck{
        .path = "/up", .interval = 7s, .timeout = 3s, .maxConsecutiveFailures = 5, .port = 31'999};
    const Model made = model({a});
    const auto& check = only(made).check;
    REQUIRE(check);
    CHECK(check->interval == 7s);
    CHECK(check->timeout == 3s);
    CHECK(check->failures == 5);
    CHECK(check->path == "/up");
    CHECK(check->port == 31'999);

    SECTION("a path that HAProxy would interpret leaves a connect") {
        a.ports[0].check->path = "/up\" ${PATH}";
        const Model refused = model({a});
        CHECK(only(refused).check->path.empty());
        CHECK_THAT(reasons(refused, "/a"), containsText("health check path"));
    }
    SECTION("no definition leaves a connect") {
        a.ports[0].check.reset();
        CHECK(only(model({a})).check->path.empty());
    }
    SECTION("they can be switched off per app and altogether") {
        ExposureRules rules;
        rules.hasChecks = false;
        CHECK_FALSE(only(exposeWith({a}, rules)).check);
        a.labels["disable-haproxy-health-check"] = "true";
        CHECK_FALSE(only(model({a})).check);
    }
}
