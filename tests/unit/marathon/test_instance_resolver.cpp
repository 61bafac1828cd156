// SPDX-License-Identifier: MIT
// Every row of the table of network modes: which port a port index has at a task.
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/instance_resolver.h"
#include "protocol/limits.h"

#include "tests/support/catch.h"

#include <string>
#include <vector>

namespace mmsd::marathon {

using protocol::InstancePort;

namespace {

struct Row {
    const char* what;
    const char* network; ///< members of the app
    const char* task;    ///< members of its task
    std::vector<InstancePort> ports;
    std::vector<std::uint16_t> servicePorts;
};

constexpr bool kHost = false;
constexpr bool kContainer = true;

const std::vector<Row> kRows{
    // host
    {"host by portDefinitions",
     R"("portDefinitions":[{"port":10000},{"port":10001}],"networks":[{"mode":"host"}])",
     R"("ports":[31000,31001])",
     {{31000, kHost}, {31001, kHost}},
     {10000, 10001}},
    {"host by ports (<= 0.13)",
     R"("ports":[10000,0],"container":null,"ipAddress":null)",
     R"("ports":[31000,31001])",
     {{31000, kHost}, {31001, kHost}},
     {10000, 0}},
    {"host, both given: definitions count",
     R"("ports":[1,2,3],"portDefinitions":[{"port":10000}])",
     R"("ports":[31000])",
     {{31000, kHost}},
     {10000}},
    {"host, portDefinitions []: no ports", R"("portDefinitions":[])", R"("ports":[31000])", {}, {}},
    {"nothing declared: task.ports do not count", R"("cmd":"x")", R"("ports":[31000])", {}, {}},
    {"docker HOST with stray mappings []",
     R"("container":{"docker":{"network":"HOST","portMappings":[]}},"portDefinitions":[{"port":10000}])",
     R"("ports":[31000])",
     {{31000, kHost}},
     {10000}},
    {"docker network null means host",
     R"("container":{"docker":{"network":null,"portMappings":null}},"ports":[10000])",
     R"("ports":[31000])",
     {{31000, kHost}},
     {10000}},
    {"task.ports shorter: the rest is skipped",
     R"("portDefinitions":[{"port":1},{"port":2},{"port":3}])",
     R"("ports":[31000])",
     {{31000, kHost}, {0, kHost}, {0, kHost}},
     {1, 2, 3}},
    {"task.ports longer: the surplus is nothing",
     R"("portDefinitions":[{"port":1}])",
     R"("ports":[31000,31001,31002])",
     {{31000, kHost}},
     {1}},
    {"task.ports missing", R"("portDefinitions":[{"port":1}])", R"("x":1)", {{0, kHost}}, {1}},
    {"a port out of range costs its index only",
     R"("portDefinitions":[{"port":1},{"port":2},{"port":3}])",
     R"("ports":[70000,0,31002])",
     {{0, kHost}, {0, kHost}, {31002, kHost}},
     {1, 2, 3}},

    // bridge
    {"docker BRIDGE",
     R"("container":{"docker":{"network":"BRIDGE","portMappings":[{"containerPort":80,"hostPort":0,"servicePort":10000},{"containerPort":81,"servicePort":10001}]}},"ports":[7,8],"portDefinitions":[{"port":9}])",
     R"("ports":[31000,31001],"ipAddresses":[{"ipAddress":"172.17.0.2"}])",
     {{31000, kHost}, {31001, kHost}},
     {10000, 10001}},
    {"container/bridge (1.5+)",
     R"("networks":[{"mode":"container/bridge"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000}]})",
     R"("ports":[31000],"ipAddresses":[{"ipAddress":"172.17.0.2"}])",
     {{31000, kHost}},
     {10000}},
    {"BRIDGE without mappings falls back to ports (<= 1.4)",
     R"("container":{"docker":{"network":"BRIDGE","portMappings":null}},"ports":[10000,10001])",
     R"("ports":[31000,31001])",
     {{31000, kHost}, {31001, kHost}},
     {10000, 10001}},
    {"bridge, containerPort 0 is the host port",
     R"("networks":[{"mode":"container/bridge"}],"container":{"portMappings":[{"containerPort":0,"servicePort":10000}]})",
     R"("ports":[31000])",
     {{31000, kHost}},
     {10000}},

    // container networks
    {"container without hostPort: the task's own address",
     R"("networks":[{"mode":"container","name":"dcos"}],"container":{"portMappings":[{"containerPort":80,"servicePort":10000},{"containerPort":81}]})",
     R"("ports":[],"ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{80, kContainer}, {81, kContainer}},
     {10000, 0}},
    {"container, mixed: host ports are counted over those that asked for one",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":80},{"containerPort":81,"hostPort":0},{"containerPort":82},{"containerPort":83,"hostPort":31500}]})",
     R"("ports":[31001,31500],"ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{80, kContainer}, {31001, kHost}, {82, kContainer}, {31500, kHost}},
     {0, 0, 0, 0}},
    {"container, hostPort null is none",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":80,"hostPort":null}]})",
     R"("ports":[],"ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{80, kContainer}},
     {0}},
    {"container, addresses not known yet: wait",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":80},{"containerPort":81,"hostPort":0}]})",
     R"("ports":[31001])",
     {{0, kContainer}, {31001, kHost}},
     {0, 0}},
    {"container, addresses []",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":80}]})",
     R"("ports":[],"ipAddresses":[])",
     {{0, kContainer}},
     {0}},
    {"container, containerPort 0 without a host port is unknown",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":0,"name":"default"}]})",
     R"("ports":[],"ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{0, kHost}},
     {0}},
    {"container, containerPort 0 with a host port is that one",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":0,"hostPort":0}]})",
     R"("ports":[31000],"ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{31000, kHost}},
     {0}},
    {"docker USER (1.3, 1.4)",
     R"("ipAddress":{"networkName":"dcos"},"container":{"docker":{"network":"USER","portMappings":[{"containerPort":80,"servicePort":10000}]}})",
     R"("ports":[],"ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{80, kContainer}},
     {10000}},
    {"several container networks",
     R"("networks":[{"mode":"container","name":"a"},{"name":"b"}],"container":{"portMappings":[{"containerPort":80}]})",
     R"("ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{80, kContainer}},
     {0}},
    {"a mapping that is no object keeps its index",
     R"("networks":[{"mode":"container"}],"container":{"portMappings":[7,{"containerPort":81}]})",
     R"("ipAddresses":[{"ipAddress":"9.0.0.5"}])",
     {{0, kHost}, {81, kContainer}},
     {0, 0}},

    // IP per task (0.14 to 1.4)
    {"IP per task by discovery ports",
     R"("ipAddress":{"discovery":{"ports":[{"number":8080,"name":"http","protocol":"tcp"},{"number":8081}]}})",
     R"("ports":[],"ipAddresses":[{"ipAddress":"250.1.62.0"}])",
     {{8080, kContainer}, {8081, kContainer}},
     {0, 0}},
    {"IP per task without discovery", R"("ipAddress":{})", R"("ports":[31000])", {}, {}},

    {"docker NONE: no port can be reached",
     R"("container":{"docker":{"network":"NONE"}},"ports":[10000])",
     R"("ports":[31000])",
     {{0, kHost}},
     {10000}},
};

} // namespace

TEST_CASE("instance_resolver: every network mode", "[marathon][resolver]") {
    for (const Row& row : kRows) {
        CAPTURE(row.what);
        const MarathonApp app = parseApp(
            std::string{R"({"id":"/a",)"} + row.network +
            R"(,"tasks":[{"id":"a.1","host":"h","state":"TASK_RUNNING",)" + row.task + "}]}");
        REQUIRE(app.tasks.size() == 1);
        std::vector<InstancePort> ports;
        for (const PortRule& rule : app.rules)
            ports.push_back(resolvePort(rule, app.tasks[0]));
        CHECK(ports.size() == row.ports.size());
        CHECK((ports == row.ports));
        std::vector<std::uint16_t> servicePorts;
        for (const auto& port : app.ports)
            servicePorts.push_back(port.servicePort);
        CHECK(servicePorts == row.servicePorts);
    }
}

TEST_CASE("instance_resolver: decides the mode", "[marathon][resolver]") {
    NetworkDefinition network;
    CHECK(networkMode(network) == NetworkMode::Host);
    network.hasIpAddress = true;
    CHECK(networkMode(network) == NetworkMode::IpPerTask);
    network.dockerNetwork = "HOST";
    CHECK(networkMode(network) == NetworkMode::IpPerTask);
    network.dockerNetwork = "BRIDGE";
    CHECK(networkMode(network) == NetworkMode::Bridge);
    network.dockerNetwork = "USER";
    CHECK(networkMode(network) == NetworkMode::Container);
    network.dockerNetwork = "WEIRD";
    CHECK(networkMode(network) == NetworkMode::Unknown);
    network.modes = {"host"};
    CHECK(networkMode(network) == NetworkMode::Host);
    network.modes = {""};
    CHECK(networkMode(network) == NetworkMode::Container);
    network.modes = {"container", "container"};
    CHECK(networkMode(network) == NetworkMode::Container);
    network.modes = {"container", "new-in-2.0"};
    CHECK(networkMode(network) == NetworkMode::Unknown);
}

TEST_CASE("instance_resolver: keeps at most the ports that a snapshot carries",
          "[marathon][resolver]") {
    NetworkDefinition network;
    network.definitions.resize(protocol::kMaxPortsPerApp + 3);
    const PortPlan plan = planPorts(network);
    CHECK(plan.ports.size() == protocol::kMaxPortsPerApp);
    CHECK(plan.rules.size() == protocol::kMaxPortsPerApp);
    CHECK(plan.omitted == 3);
}

} // namespace mmsd::marathon
