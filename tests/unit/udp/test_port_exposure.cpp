// SPDX-License-Identifier: MIT
// Tests of the rule which app ports are exposed.
#include "tests/support/catch.h"
#include "tests/unit/udp/app_builder.h"
#include "workers/runtime/port_exposure.h"

using namespace mmsd;
using namespace mmsd::test;
using worker::exposePorts;
using worker::PortRules;
using worker::Transport;

namespace {

PortRules udpRules(std::vector<std::string> groups = {"*"}) {
    return {Transport::Udp, std::move(groups), {}};
}

} // namespace

TEST_CASE("exposure: takes ports of the asked transport", "[udp][exposure]") {
    protocol::Port tcp = udpPort(1000);
    tcp.isTcp = true;
    tcp.isUdp = false;
    protocol::Port both = udpPort(2000);
    both.isTcp = true;
    const auto state = snapshot({app("/a", {tcp, both, udpPort(3000)})});

    const auto udp = exposePorts(state, udpRules(), {});
    REQUIRE(udp.ports.size() == 2);
    CHECK(udp.ports.at(2000).portIndex == 1);
    CHECK(udp.ports.at(3000).portIndex == 2);
    CHECK(udp.refusals.empty());

    const auto forTcp = exposePorts(state, {Transport::Tcp, {"*"}, {}}, {});
    CHECK(forTcp.ports.size() == 2);
    CHECK(forTcp.ports.contains(1000));
    CHECK(forTcp.ports.contains(2000));
}

TEST_CASE("exposure: filters by group, port label over app label", "[udp][exposure]") {
    protocol::App grouped = app("/a", {udpPort(1, {{"lb-group", " internal "}}), udpPort(2)});
    grouped.labels["lb-group"] = "public";
    const auto state = snapshot({grouped, app("/none", {udpPort(3)})});

    CHECK(exposePorts(state, udpRules({"internal"}), {}).ports.contains(1));
    CHECK(exposePorts(state, udpRules({"internal"}), {}).ports.size() == 1);
    CHECK(exposePorts(state, udpRules({"public"}), {}).ports.contains(2));
    CHECK(exposePorts(state, udpRules({"public", "internal"}), {}).ports.size() == 2);
    CHECK(exposePorts(state, udpRules({"x", "*"}), {}).ports.size() == 3);
    CHECK(exposePorts(state, udpRules({"x"}), {}).refusals.empty());
    CHECK(exposePorts(state, udpRules({}), {}).ports.empty());
}

TEST_CASE("exposure: refuses ports without a number and ports of mmsd", "[udp][exposure]") {
    PortRules rules = udpRules();
    rules.ownPorts[53] = "DNS";
    const auto exposure =
        exposePorts(snapshot({app("/a", {udpPort(0), udpPort(53), udpPort(54)})}), rules, {});
    CHECK(exposure.ports.size() == 1);
    REQUIRE(exposure.refusals.size() == 2);
    CHECK(exposure.refusals[0].reason == "no service port");
    CHECK(exposure.refusals[1].portIndex == 1);
    CHECK(exposure.refusals[1].reason == "service port 53 is mmsd's own (DNS)");
}

TEST_CASE("exposure: that a pod has no service ports is nobody's mistake", "[udp][exposure]") {
    protocol::App pod = app("/pod", {udpPort(0)});
    pod.isPod = true;
    const auto exposure = exposePorts(snapshot({pod}), udpRules(), {});
    CHECK(exposure.ports.empty());
    CHECK(exposure.refusals.empty());
    CHECK(worker::objectionTo(pod, pod.ports[0], udpRules())->reason ==
          "pods have no service ports");
}

TEST_CASE("exposure: settles conflicts by holder, version, id, index", "[udp][exposure]") {
    const auto young = "2026-05-01T00:00:00.000Z";
    const auto old = "2025-05-01T00:00:00.000Z";
    const auto winner = [](const protocol::Snapshot& state, const worker::PortHolders& holders) {
        return exposePorts(state, udpRules(), holders).ports.at(7).app->id;
    };
    const auto state =
        snapshot({app("/a", {udpPort(7)}, {}, young), app("/b", {udpPort(7)}, {}, old)});
    CHECK(winner(state, {}) == "/b");
    CHECK(winner(state, {{7, {"/a", 0}}}) == "/a");
    CHECK(winner(state, {{7, {"/a", 1}}}) == "/b");
    CHECK(winner(state, {{8, {"/a", 0}}}) == "/b");
    CHECK(winner(state, {{7, {"/gone", 0}}}) == "/b");

    const auto sameAge =
        snapshot({app("/c", {udpPort(7)}, {}, old), app("/d", {udpPort(7)}, {}, old)});
    CHECK(winner(sameAge, {}) == "/c");

    const auto twice = exposePorts(snapshot({app("/a", {udpPort(7), udpPort(7)})}), udpRules(), {});
    CHECK(twice.ports.at(7).portIndex == 0);
    REQUIRE(twice.refusals.size() == 1);
    CHECK(twice.refusals[0].portIndex == 1);
    CHECK(twice.refusals[0].reason == "service port 7 taken by /a port index 0");
}
