// SPDX-License-Identifier: MIT
// Tests of turning snapshots into UDP services.
#include "tests/support/catch.h"
#include "tests/unit/udp/app_builder.h"
#include "workers/udp-balancer/service_plan.h"

using namespace mmsd;
using namespace mmsd::test;
using namespace std::chrono_literals;
using protocol::Serving;

namespace {

const worker::PortRules kRules{worker::Transport::Udp, {"*"}, {}};

udp::ServicePlan plan(const protocol::Snapshot& state, const worker::PortHolders& holders = {},
                      std::size_t limit = 100) {
    return udp::planServices(state, kRules, holders, limit);
}

udp::ServicePlan planWithLabels(protocol::Labels labels) {
    return plan(snapshot({app("/a", {udpPort(7, std::move(labels)), udpPort(8)})}));
}

} // namespace

TEST_CASE("service plan: defaults", "[udp][plan]") {
    const auto made = plan(snapshot({app("/a", {udpPort(7)}, {instance("10.0.0.1", {31000})})}));
    REQUIRE(made.services.size() == 1);
    const udp::Service& service = made.services.at(7);
    CHECK(service.name == worker::PortName{"/a", 0});
    CHECK(service.mode == udp::Mode::RoundRobin);
    CHECK(service.idle == 60s);
    REQUIRE(service.targets.size() == 1);
    CHECK(service.targets[0].endpoint.toString() == "10.0.0.1:31000");
    CHECK(service.targets[0].takesNew);
}

TEST_CASE("service plan: labels of port and app", "[udp][plan]") {
    CHECK(planWithLabels({{"lb-mode", "multicast"}}).services.at(7).mode == udp::Mode::Multicast);
    CHECK(planWithLabels({{"lb-mode", " roundrobin"}}).services.at(7).mode ==
          udp::Mode::RoundRobin);
    CHECK(planWithLabels({{"lb-udp-idle", "1m30s"}}).services.at(7).idle == 90s);

    protocol::App labelled = app("/a", {udpPort(7), udpPort(8, {{"lb-udp-idle", "2s"}})});
    labelled.labels["lb-udp-idle"] = "1s";
    const auto made = plan(snapshot({labelled}));
    CHECK(made.services.at(7).idle == 1s);
    CHECK(made.services.at(8).idle == 2s);
}

TEST_CASE("service plan: a bad label costs its port only", "[udp][plan]") {
    const auto [name, value] = GENERATE(
        std::pair{"lb-mode", "random"}, std::pair{"lb-mode", ""}, std::pair{"lb-udp-idle", "60"},
        std::pair{"lb-udp-idle", "0"}, std::pair{"lb-udp-idle", "9ms"},
        std::pair{"lb-udp-idle", "25h"}, std::pair{"lb-udp-idle", "\n"});
    const auto made = planWithLabels({{name, value}});
    CHECK_FALSE(made.services.contains(7));
    CHECK(made.services.contains(8));
    REQUIRE(made.refusals.size() == 1);
    CHECK(made.refusals[0].portIndex == 0);
    CHECK_THAT(made.refusals[0].reason, containsText(name));
    CHECK_THAT(made.refusals[0].reason, containsText("expected"));
    CHECK(made.refusals[0].reason.find('\n') == std::string::npos);
}

TEST_CASE("service plan: serving and draining instances are targets", "[udp][plan]") {
    protocol::Instance unresolved = instance("10.0.0.9", {1});
    unresolved.hostAddresses.clear();
    const auto made =
        plan(snapshot({app("/a", {udpPort(7)},
                           {instance("10.0.0.4", {1}, Serving::Draining),
                            instance("10.0.0.3", {1}, Serving::YesUnreachable),
                            instance("10.0.0.2", {1}, Serving::Unhealthy),
                            instance("10.0.0.1", {0}), unresolved, instance("fd00::1", {1})})}));
    const auto& targets = made.services.at(7).targets;
    REQUIRE(targets.size() == 3);
    CHECK(targets[0].endpoint.toString() == "10.0.0.3:1");
    CHECK(targets[1].endpoint.toString() == "10.0.0.4:1");
    CHECK_FALSE(targets[1].takesNew);
    CHECK(targets[2].endpoint.toString() == "[fd00::1]:1");
}

TEST_CASE("service plan: one endpoint counts once, as one that serves", "[udp][plan]") {
    const auto made = plan(snapshot({app(
        "/a", {udpPort(7)},
        {instance("10.0.0.1", {1}, Serving::Draining), instance("10.0.0.1", {1}, Serving::Yes)})}));
    REQUIRE(made.services.at(7).targets.size() == 1);
    CHECK(made.services.at(7).targets[0].takesNew);
}

TEST_CASE("service plan: container ports use the container's address", "[udp][plan]") {
    protocol::Instance contained = instance("10.0.0.1", {53});
    contained.containerAddresses = {IpAddress::parse("172.17.0.2").value()};
    contained.ports[0].isOnContainer = true;
    const auto made = plan(snapshot({app("/a", {udpPort(7)}, {contained})}));
    CHECK(made.services.at(7).targets[0].endpoint.toString() == "172.17.0.2:53");
}

TEST_CASE("service plan: the limit spares what is served already", "[udp][plan]") {
    const auto state = snapshot({app("/a", {udpPort(1), udpPort(2), udpPort(3)})});
    const auto made = plan(state, {{3, {"/a", 2}}}, 2);
    CHECK(made.services.contains(3));
    CHECK(made.services.contains(1));
    CHECK_FALSE(made.services.contains(2));
    REQUIRE(made.refusals.size() == 1);
    CHECK(made.refusals[0].reason == "more than 2 UDP services");
}
