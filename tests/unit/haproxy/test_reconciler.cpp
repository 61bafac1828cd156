// SPDX-License-Identifier: MIT
// From what runs to what is wanted: a table of differences and what each needs.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/reconciler.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using mmsd::test::containsText;
using enum ServerChange::Kind;

namespace {

InetEndpoint server(std::uint16_t port) {
    return {IpAddress::parse("10.0.0.1").value(), port};
}

protocol::App web(std::initializer_list<std::uint16_t> ports, protocol::Labels labels = {}) {
    auto made = app("/web", {10'000});
    made.labels = std::move(labels);
    made.labels.emplace("proto", "http");
    for (const std::uint16_t port : ports)
        made.instances.push_back(instance("10.0.0.1", {port}));
    return made;
}

Config config(std::vector<protocol::App> apps) {
    return makeConfig(model(std::move(apps)), gatewayOptions());
}

Plan plan(const Config& running, const Config& wanted, const ServerSets& draining = {},
          const ServerSets& leaving = {}, bool canChangeServers = true) {
    return reconcile(running, wanted, draining, leaving, canChangeServers);
}

std::string kinds(const Plan& plan) {
    constexpr std::string_view kLetters = "ARDX"; // Add, Revive, Drain, Remove
    std::string text;
    for (const ServerChange& change : plan.servers) {
        text += kLetters[static_cast<std::size_t>(change.kind)];
        text += std::to_string(change.server.port) + ' ';
    }
    return text;
}

} // namespace

TEST_CASE("reconciler: equal configurations need nothing", "[haproxy][reconciler]") {
    const Plan made = plan(config({web({1, 2})}), config({web({1, 2})}));
    CHECK_FALSE(made.hasCommands());
    CHECK(made.reloadReason.empty());
    CHECK(made.reachable == config({web({1, 2})}));
}

TEST_CASE("reconciler: servers come and go without a reload, additions first",
          "[haproxy][reconciler]") {
    const Config wanted = config({web({2, 3, 4})});
    const Plan made = plan(config({web({1, 2})}), wanted);
    CHECK(kinds(made) == "A3 A4 X1 ");
    CHECK(made.servers[0].backend == "b_web_0");
    CHECK(made.servers[0].options == " check inter 5000ms fall 3 rise 1");
    CHECK(made.reloadReason.empty());
    CHECK(made.reachable == wanted);
}

TEST_CASE("reconciler: a killed task drains, a returning server is revived",
          "[haproxy][reconciler]") {
    const Plan drained =
        plan(config({web({1, 2})}), config({web({1})}), {{"b_web_0", {server(2)}}});
    CHECK(kinds(drained) == "D2 ");
    const Plan revived =
        plan(config({web({1})}), config({web({1, 2})}), {}, {{"b_web_0", {server(2)}}});
    CHECK(kinds(revived) == "R2 ");
}

TEST_CASE("reconciler: a new app needs a reload; the others change at once",
          "[haproxy][reconciler]") {
    const Plan made = plan(config({web({1})}), config({web({1, 2}), app("/new", {10'001})}));
    CHECK(kinds(made) == "A2 ");
    CHECK(made.reloadReason == "new: new_0");
    CHECK(made.reachable == config({web({1, 2})}));
}

TEST_CASE("reconciler: an app that is gone loses its servers at once", "[haproxy][reconciler]") {
    auto gone = app("/gone", {10'001});
    gone.instances = {instance("10.0.0.1", {9})};
    const Plan made = plan(config({web({1}), gone}), config({web({1})}));
    CHECK(kinds(made) == "X9 ");
    CHECK(made.reloadReason == "gone: gone_0");
    REQUIRE(made.reachable.find("gone_0") != nullptr);
    CHECK(made.reachable.find("gone_0")->servers.empty());
}

TEST_CASE("reconciler: changed options wait for the reload, also with their new servers",
          "[haproxy][reconciler]") {
    const Plan made =
        plan(config({web({1, 2})}), config({web({2, 3}, {{"lb-proxy-protocol", "1"}})}));
    CHECK(kinds(made) == "X1 ");
    CHECK(made.reloadReason == "changed: web_0");
    CHECK(made.reachable == config({web({2})}));

    const Plan balance =
        plan(config({web({1})}), config({web({1, 3}, {{"lb-balance", "random"}})}));
    CHECK(kinds(balance) == "A3 ");
    CHECK(balance.reachable == config({web({1, 3})}));
}

TEST_CASE("reconciler: without dynamic servers everything is a reload", "[haproxy][reconciler]") {
    const Config running = config({web({1})});
    const Plan made = plan(running, config({web({1, 2})}), {}, {}, false);
    CHECK_FALSE(made.hasCommands());
    CHECK(made.reloadReason == "servers of web_0");
    CHECK(made.reachable == running);
}

TEST_CASE("reconciler: host names move without a reload", "[haproxy][reconciler]") {
    const Config wanted = config({web({1}, {{"lb-vhost", "a.com,*.b.com"}})});
    const Plan made = plan(config({web({1}, {{"lb-vhost", "a.com"}})}), wanted);
    CHECK(made.servers.empty());
    CHECK(made.maps == MapFiles{{"http-suffix.map", ".b.com b_web_0\n"}});
    CHECK(made.reloadReason.empty());
    CHECK(made.reachable == wanted);
}

TEST_CASE("reconciler: host names of a backend that is not there yet wait",
          "[haproxy][reconciler]") {
    auto other = app("/other", {10'001});
    other.labels = {{"proto", "http"}, {"lb-vhost", "o.com"}};
    const Plan made = plan(config({web({1}, {{"lb-vhost", "a.com"}})}),
                           config({web({1}, {{"lb-vhost", "c.com"}}), other}));
    CHECK(made.maps == MapFiles{{"http.map", "c.com b_web_0\n"}});
    CHECK(made.reloadReason == "new: other_0");

    auto tcp = app("/other", {10'001});
    const Plan changed = plan(config({tcp}), config({other}));
    CHECK(changed.maps.empty()); // it still speaks tcp
    CHECK(changed.reloadReason == "changed: other_0");
}

TEST_CASE("reconciler: global settings and tail need a reload", "[haproxy][reconciler]") {
    Config wanted = config({web({1})});
    wanted.tail = "listen x\n";
    CHECK(plan(config({web({1})}), wanted).reloadReason == "tail file changed");
    wanted.base += "#";
    CHECK(plan(config({web({1})}), wanted).reloadReason == "global settings changed");
}
