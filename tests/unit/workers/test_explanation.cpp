// SPDX-License-Identifier: MIT
// Tests of why an app is where it is, and of the names that may have been meant.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/explanation.h"

#include <string>
#include <utility>

using namespace mmsd;
using api::Exposure;
using test::app;
using test::instance;

namespace {

protocol::ProcessInfo running(const std::string& name, std::uint64_t generation) {
    protocol::ProcessInfo info;
    info.name = name;
    info.pid = 7;
    info.phase = protocol::Phase::Running;
    info.generation = generation;
    info.lastResult = "applied";
    return info;
}

/** A node where every output is on and every process has applied the state. */
api::ApiState nodeWith(const std::vector<protocol::App>& apps) {
    api::ApiState state;
    state.snapshot = test::snapshotOf(apps, 5);
    state.processes =
        protocol::ProcessStatus{5,
                                {running("haproxy-manager", 5), running("udp-balancer", 5),
                                 running("confd-writer", 5), running("dns-server", 5)}};
    state.options.hasDns = true;
    state.options.hasGateway = true;
    state.options.bindIp = *IpAddress::parse("10.0.0.1");
    state.options.gatewayHttp = {*IpAddress::parse("10.0.0.2"), 80};
    state.options.gatewayHttps = {*IpAddress::parse("10.0.0.2"), 443};
    state.options.filesFolder = "/run/mmsd/confd";
    return state;
}

void refuse(api::ApiState& state, const std::string& process, protocol::Refusal refusal) {
    state.reports[process].report.refusals.push_back(std::move(refusal));
}

/** The app's output of that kind at a port index. */
api::Output outputOf(const api::ApiState& state, const std::string& id, std::string_view kind,
                     std::size_t index = 0) {
    const api::Explainer explainer{state, state.options};
    const api::AppView view = explainer.explain(*findApp(*state.snapshot, id));
    for (const api::Output& output : view.ports.at(index).outputs)
        if (output.kind == kind)
            return output;
    FAIL("no output " << kind);
    return {};
}

const protocol::App kWeb = app("/dev/web", {10000}, {instance("10.0.0.9", {31000})});

} // namespace

TEST_CASE("explanation: an app that is everywhere", "[workers][api]") {
    auto web = kWeb;
    web.ports[0].name = "http";
    web.ports[0].isUdp = true;
    web.labels = {{"proto", "http"}, {"lb-vhost", "www.a.test,*.b.test"}};
    const auto state = nodeWith({web});
    const auto tcp = outputOf(state, "/dev/web", "tcp");
    CHECK(tcp.exposure == Exposure::Exposed);
    CHECK(tcp.rule.empty());
    CHECK(tcp.places == std::vector<std::string>{"10.0.0.1:10000"});
    CHECK(tcp.details == decltype(tcp.details){{"app_protocol", "http"},
                                               {"frontend", "f_dev_web_0"},
                                               {"backend", "b_dev_web_0"}});
    CHECK(outputOf(state, "/dev/web", "udp").places == std::vector<std::string>{"10.0.0.1:10000"});
    const auto host = outputOf(state, "/dev/web", "gateway_http");
    CHECK(host.exposure == Exposure::Exposed);
    CHECK(host.places == std::vector<std::string>{"www.a.test"});
    CHECK(host.details == decltype(host.details){{"bind", "10.0.0.2:80"},
                                                 {"map", "http.map"},
                                                 {"key", "www.a.test"},
                                                 {"backend", "b_dev_web_0"}});
    CHECK(outputOf(state, "/dev/web", "file").places ==
          std::vector<std::string>{"/run/mmsd/confd/dev.web.instances"});
    CHECK(outputOf(state, "/dev/web", "dns").places ==
          std::vector<std::string>{"web.dev.mmsd", "_0._tcp.web.dev.mmsd", "_0._udp.web.dev.mmsd",
                                   "_http._tcp.web.dev.mmsd", "_http._udp.web.dev.mmsd"});

    const api::Explainer explainer{state, state.options};
    const auto view = explainer.explain(*findApp(*state.snapshot, "/dev/web"));
    CHECK(view.serving == 1);
    REQUIRE(view.instances.size() == 1);
    CHECK(view.instances[0].reason == "runs, and no health check is defined");
    CHECK(view.instances[0].dnsName.ends_with(".web.dev.mmsd"));
    const auto& outputs = view.ports[0].outputs;
    CHECK(std::ranges::count(outputs, std::string_view{"gateway_http"}, &api::Output::kind) == 2);
    CHECK(view.notes.empty());
}

TEST_CASE("explanation: what is switched off is said with its flag", "[workers][api]") {
    auto web = kWeb;
    web.ports[0].isUdp = true;
    web.labels = {{"proto", "http"}, {"lb-vhost", "www.a.test"}};
    auto state = nodeWith({web});
    state.options.hasGateway = false;
    CHECK(outputOf(state, "/dev/web", "gateway_http").exposure == Exposure::Off);
    CHECK(outputOf(state, "/dev/web", "gateway_http").reason == "--enable-gateway=false");
    state.options.hasTcp = state.options.hasUdp = state.options.hasFiles = state.options.hasDns =
        false;
    for (const auto& [kind, reason] :
         {std::pair{"tcp", "--enable-tcp=false"}, std::pair{"udp", "--enable-udp=false"},
          std::pair{"file", "--enable-files=false"}, std::pair{"dns", "--enable-dns=false"}}) {
        const auto output = outputOf(state, "/dev/web", kind);
        CHECK(output.exposure == Exposure::Off);
        CHECK(output.rule == "disabled");
        CHECK(output.reason == reason);
        CHECK(output.places.empty());
    }
}

TEST_CASE("explanation: rules that need no other process", "[workers][api]") {
    auto none = kWeb;
    none.ports[0].servicePort = 0;
    auto state = nodeWith({none});
    CHECK(outputOf(state, "/dev/web", "tcp").rule == "no_service_port");
    CHECK(outputOf(state, "/dev/web", "tcp").exposure == Exposure::LeftOut);

    state = nodeWith({kWeb});
    state.options.tcpRules.ownPorts[10000] = "HTTP API";
    CHECK(outputOf(state, "/dev/web", "tcp").rule == "own_port");
    CHECK(outputOf(state, "/dev/web", "tcp").reason ==
          "service port 10000 is mmsd's own (HTTP API)");
    state.options.tcpRules.groups = {"blue", "green"};
    CHECK(outputOf(state, "/dev/web", "tcp").rule == "group");
    CHECK(outputOf(state, "/dev/web", "tcp").reason ==
          "no label lb-group, and --filter-groups has only blue, green");
    auto grouped = kWeb;
    grouped.labels["lb-group"] = "red";
    const auto rules = state.options.tcpRules;
    state = nodeWith({grouped});
    state.options.tcpRules = rules;
    CHECK(outputOf(state, "/dev/web", "tcp").reason ==
          "lb-group \"red\", and --filter-groups has only blue, green");
    // Files and DNS are not filtered.
    CHECK(outputOf(state, "/dev/web", "file").exposure == Exposure::Exposed);

    const auto odd = app("/dev/we b", {80}, {instance("10.0.0.9", {31000})});
    state = nodeWith({odd});
    CHECK(outputOf(state, "/dev/we b", "file").rule == "invalid_value");
    CHECK(outputOf(state, "/dev/we b", "dns").rule == "invalid_value");
}

TEST_CASE("explanation: what a process refused", "[workers][api]") {
    using protocol::RefusalRule;
    auto web = kWeb;
    web.labels = {{"proto", "http"}, {"lb-vhost", "www.a.test"}};
    auto state = nodeWith({web});
    refuse(state, "haproxy-manager",
           {"/dev/web", 0, "label lb-vhost=\"www.a.test\": taken by /b port index 0",
            RefusalRule::Conflict, true});
    CHECK(outputOf(state, "/dev/web", "tcp").exposure == Exposure::Exposed);
    const auto host = outputOf(state, "/dev/web", "gateway_http");
    CHECK(host.exposure == Exposure::LeftOut);
    CHECK(host.rule == "conflict");
    CHECK(host.reason == "label lb-vhost=\"www.a.test\": taken by /b port index 0");

    refuse(state, "haproxy-manager",
           {"/dev/web", 0, "service port 10000 taken by /b port index 0", RefusalRule::Conflict});
    const auto tcp = outputOf(state, "/dev/web", "tcp");
    CHECK(tcp.exposure == Exposure::LeftOut);
    CHECK(tcp.rule == "conflict");
    CHECK(tcp.reason == "service port 10000 taken by /b port index 0");
    CHECK(outputOf(state, "/dev/web", "file").exposure == Exposure::Exposed);

    // Without its port, a name is not asked for.
    const api::Explainer explainer{state, state.options};
    const auto view = explainer.explain(*findApp(*state.snapshot, "/dev/web"));
    CHECK(std::ranges::count(view.ports[0].outputs, std::string_view{"gateway_http"},
                             &api::Output::kind) == 0);
    CHECK(view.ports[0].notes.size() == 2);

    for (const auto rule : {RefusalRule::Quarantined, RefusalRule::PortBusy}) {
        auto other = nodeWith({kWeb});
        refuse(other, "haproxy-manager", {"/dev/web", 0, "why", rule});
        CHECK(outputOf(other, "/dev/web", "tcp").rule == toString(rule));
    }
    auto other = nodeWith({kWeb});
    refuse(other, "dns-server", {"/dev/web", protocol::kWholeApp, "why", RefusalRule::Conflict});
    CHECK(outputOf(other, "/dev/web", "dns").exposure == Exposure::LeftOut);
    CHECK(outputOf(other, "/dev/web", "tcp").exposure == Exposure::Exposed);
}

TEST_CASE("explanation: nothing is behind a port", "[workers][api]") {
    auto web = kWeb;
    web.instances[0].serving = protocol::Serving::Unhealthy;
    CHECK(outputOf(nodeWith({web}), "/dev/web", "tcp").rule == "no_serving_instance");
    CHECK(outputOf(nodeWith({web}), "/dev/web", "tcp").reason == "none of 1 instances serves");
    CHECK(outputOf(nodeWith({web}), "/dev/web", "tcp").exposure == Exposure::Empty);
    web.instances[0].serving = protocol::Serving::Unresolved;
    web.instances[0].host = "agent-\x1b[31m";
    web.instances[0].hostAddresses.clear();
    const auto unresolved = outputOf(nodeWith({web}), "/dev/web", "tcp");
    CHECK(unresolved.rule == "unresolved_host");
    CHECK(unresolved.reason ==
          "no instance serves: host \"agent-\\x1b[31m\" has no address (1 of 1)");
    web.instances.clear();
    CHECK(outputOf(nodeWith({web}), "/dev/web", "file").reason == "the app has no instances");
    auto portless = kWeb;
    portless.instances[0].ports[0].number = 0;
    CHECK(outputOf(nodeWith({portless}), "/dev/web", "tcp").rule == "no_host_port");
}

TEST_CASE("explanation: a process that is not there yet", "[workers][api]") {
    auto state = nodeWith({kWeb});
    state.processes->processes[0].generation = 4;
    CHECK(outputOf(state, "/dev/web", "tcp").exposure == Exposure::Pending);
    CHECK(outputOf(state, "/dev/web", "tcp").reason ==
          "haproxy-manager has generation 4 in force, not yet 5: applied");
    state.processes->processes[0].phase = protocol::Phase::BackingOff;
    state.processes->processes[0].lastResult = "exit status 78";
    CHECK(outputOf(state, "/dev/web", "tcp").reason ==
          "haproxy-manager is backing_off: exit status 78");
    state.processes->processes.clear();
    CHECK(outputOf(state, "/dev/web", "dns").exposure == Exposure::Pending);
    state.processes.reset();
    CHECK(outputOf(state, "/dev/web", "file").exposure == Exposure::Pending);
}

TEST_CASE("explanation: problems and refusals are told where they belong", "[workers][api]") {
    auto web = kWeb;
    web.problems = {{0, "port problem"}, {protocol::kWholeApp, "app problem"}};
    auto state = nodeWith({web});
    refuse(state, "marathon-watcher", {"/dev/web", 0, "port problem"});
    refuse(state, "marathon-watcher", {"/gone", protocol::kWholeApp, "too many ports"});
    refuse(state, "dns-server", {"/dev/web", 9, "index beyond the app's"});
    const api::Explainer explainer{state, state.options};
    const auto view = explainer.explain(*findApp(*state.snapshot, "/dev/web"));
    REQUIRE(view.ports[0].notes.size() == 1);
    CHECK(view.ports[0].notes[0].text == "port problem");
    REQUIRE(view.notes.size() == 2);
    CHECK(view.notes[0].text == "app problem");
    CHECK(view.notes[1].process == "dns-server");
    REQUIRE(explainer.notesOn("/gone").size() == 1);
    CHECK(explainer.notesOn("/gone")[0].text == "too many ports");
}

TEST_CASE("near names: what somebody may have meant", "[workers][api]") {
    const auto snapshot = test::snapshotOf(
        {app("/dev/web", {}), app("/prod/web", {}), app("/prod/shop/cart", {}), app("/redis", {})});
    using Names = std::vector<std::string_view>;
    CHECK(api::nearNames(*snapshot, "/Dev/Web", 9) == Names{"/dev/web", "/prod/web"});
    CHECK(api::nearNames(*snapshot, "/dev/wbe", 9).front() == "/dev/web");
    CHECK(api::nearNames(*snapshot, "/web", 9) == Names{"/dev/web", "/prod/web"});
    CHECK(api::nearNames(*snapshot, "/prod/shop", 9) == Names{"/prod/shop/cart"});
    CHECK(api::nearNames(*snapshot, "/prod/shop/", 9) == Names{"/prod/shop/cart"});
    CHECK(api::nearNames(*snapshot, "/redis/master", 9) == Names{"/redis"});
    CHECK(api::nearNames(*snapshot, "/nothing", 9).empty());
    CHECK(api::nearNames(*snapshot, "/", 9).empty());
    CHECK(api::nearNames(*snapshot, "", 9).empty());
    CHECK(api::nearNames(*snapshot, "/web", 1).size() == 1);
    CHECK(api::nearNames(*snapshot, "/" + std::string(100'000, 'x'), 9).empty());
}
