// SPDX-License-Identifier: MIT
// Tests of pods: endpoints joined by name, states, verdicts, network modes.
#include "daemon/marathon/app_evaluator.h"
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/pod_parser.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

namespace mmsd::marathon {

namespace {

using protocol::CheckProtocol;
using protocol::Health;
using protocol::TaskState;
using std::chrono::seconds;

/** Two containers, three endpoints; the first container is checked. */
std::string podWith(const std::string& instances, const std::string& network = "host") {
    return R"({"id":"/shop/pod","status":"DEGRADED","spec":{"id":"/shop/pod",
        "version":"2020-01-01T00:00:00Z","labels":{"a":"1"},
        "containers":[
          {"name":"front","endpoints":[
             {"name":"admin","containerPort":90,"protocol":["tcp"]},
             {"name":"web","containerPort":80,"hostPort":0,"protocol":["tcp","udp"],
              "labels":{"b":"2"}}],
           "healthCheck":{"http":{"endpoint":"web","path":"/up","scheme":"HTTPS"},
              "gracePeriodSeconds":7,"intervalSeconds":2,"maxConsecutiveFailures":1,
              "timeoutSeconds":3}},
          {"name":"side"},
          {"name":"log","endpoints":[{"name":"syslog","containerPort":514,"hostPort":514,
             "protocol":["udp"]}]}],
        "networks":[{"mode":")" +
           network + R"(","name":"dcos"}],
        "scheduling":{"unreachableStrategy":{"inactiveAfterSeconds":30}}},
        "instances":[)" +
           instances + "]}";
}

/** An instance with the host ports in another order than the spec has them. */
std::string instance(const std::string& front = "TASK_RUNNING",
                     const std::string& conditions =
                         R"([{"name":"other","value":"false"},{"name":"healthy","value":"true"}])",
                     const std::string& extra = R"("status":"STABLE")") {
    return R"({"id":"shop_pod.instance-1","agentId":"S7","agentHostname":"10.0.0.9",
        "networks":[{"name":"dcos","addresses":["fd01::2","9.0.0.2"]},
                    {"name":"blue","addresses":["9.1.0.2"]}],
        "containers":[
          {"name":"log","status":"TASK_RUNNING","statusSince":"2020-01-01T00:00:02Z",
           "endpoints":[{"name":"syslog","allocatedHostPort":514}]},
          {"name":"side","status":"TASK_RUNNING"},
          {"name":"front","status":")" +
           front + R"(","conditions":)" + conditions +
           R"(,"statusSince":"2020-01-01T00:00:01Z",
           "endpoints":[{"name":"web","allocatedHostPort":31001},
                        {"name":"admin","allocatedHostPort":31002}]}],)" +
           extra + "}";
}

std::vector<std::string> endpointsOf(const MarathonApp& pod) {
    test::FakeHosts hosts;
    AppMemory memory;
    const auto app = evaluateApp(pod, memory, hosts, test::moment()).app;
    std::vector<std::string> texts;
    for (const protocol::Instance& each : app.instances) {
        for (std::size_t i = 0; i < each.ports.size(); ++i) {
            const auto place = endpoint(each, i);
            texts.push_back(place ? formatHostPort(place->host, place->port) : "-");
        }
    }
    return texts;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("pod_parser: an app without service ports, one port per endpoint", "[marathon][pod]") {
    const MarathonApp pod = parsePod(podWith(instance()));
    CHECK(pod.isPod);
    CHECK(pod.id == "/shop/pod");
    CHECK(pod.version == "2020-01-01T00:00:00Z");
    CHECK(pod.labels.at("a") == "1");
    CHECK(pod.problems.empty());
    CHECK(pod.gracePeriod == seconds{7});
    REQUIRE(pod.ports.size() == 3);
    CHECK(pod.ports[0].name == "admin");
    CHECK(pod.ports[1].name == "web");
    CHECK(pod.ports[2].name == "syslog");
    CHECK((pod.ports[1].isTcp && pod.ports[1].isUdp));
    CHECK((!pod.ports[2].isTcp && pod.ports[2].isUdp));
    CHECK(pod.ports[1].labels.at("b") == "2");
    for (const auto& port : pod.ports)
        CHECK(port.servicePort == 0);
    CHECK_FALSE(pod.ports[0].check);
    REQUIRE(pod.ports[1].check);
    CHECK(pod.ports[1].check->protocol == CheckProtocol::Https);
    CHECK(pod.ports[1].check->path == "/up");
    CHECK(pod.ports[1].check->interval == seconds{2});

    REQUIRE(pod.tasks.size() == 1);
    const MarathonTask& task = pod.tasks[0];
    CHECK(task.id == "shop_pod.instance-1");
    CHECK(task.agentId == "S7");
    CHECK(task.host == "10.0.0.9");
    CHECK(task.state == TaskState::Running);
    CHECK(task.health == Health::Healthy);
    CHECK(task.startedAt == parseTimestamp("2020-01-01T00:00:02Z"));
}

TEST_CASE("pod_parser: endpoints are found by name in every network mode", "[marathon][pod]") {
    CHECK(endpointsOf(parsePod(podWith(instance()))) ==
          Texts{"10.0.0.9:31002", "10.0.0.9:31001", "10.0.0.9:514"});
    CHECK(endpointsOf(parsePod(podWith(instance(), "container/bridge"))) ==
          Texts{"10.0.0.9:31002", "10.0.0.9:31001", "10.0.0.9:514"});
    // Without a host port, at the instance's own address; of two networks the first.
    CHECK(endpointsOf(parsePod(podWith(instance(), "container"))) ==
          Texts{"9.0.0.2:90", "10.0.0.9:31001", "10.0.0.9:514"});
    const MarathonApp odd = parsePod(podWith(instance(), "warp"));
    CHECK(endpointsOf(odd) == Texts{"-", "-", "-"});
    CHECK(odd.problems.size() == 1);
}

TEST_CASE("pod_parser: the network that endpoints name gives the addresses", "[marathon][pod]") {
    std::string json = podWith(instance(), "container");
    const std::string place = R"("containerPort":90,)";
    json.insert(json.find(place), R"("networkNames":["blue"],)");
    CHECK(endpointsOf(parsePod(json)).at(0) == "9.1.0.2:90");
}

TEST_CASE("pod_parser: a pod is as far as the slowest container with endpoints",
          "[marathon][pod]") {
    const auto state = [](const std::string& front) {
        return parsePod(podWith(instance(front))).tasks.at(0).state;
    };
    CHECK(state("TASK_STARTING") == TaskState::Starting);
    CHECK(state("TASK_STAGING") == TaskState::Staging);
    CHECK(state("TASK_KILLING") == TaskState::Killing);
    CHECK(state("TASK_UNREACHABLE") == TaskState::Unreachable);
    CHECK(state("TASK_NEW_WORD") == TaskState::Staging);
}

TEST_CASE("pod_parser: what has ended has no endpoint", "[marathon][pod]") {
    const MarathonApp pod = parsePod(podWith(instance("TASK_FINISHED")));
    REQUIRE(pod.tasks.size() == 1); // the other container runs
    CHECK(endpointsOf(pod) == Texts{"-", "-", "10.0.0.9:514"});
    // The instance's own address lives on, with the ports of its other containers.
    CHECK(endpointsOf(parsePod(podWith(instance("TASK_FINISHED"), "container"))) ==
          Texts{"-", "-", "10.0.0.9:514"});
    CHECK(
        parsePod(podWith(instance("TASK_RUNNING", "[]", R"("status":"TERMINAL")"))).tasks.empty());
    const MarathonApp young =
        parsePod(podWith(instance("TASK_RUNNING", "[]", R"("status":"STAGING")")));
    CHECK(young.tasks.at(0).state == TaskState::Staging);
    CHECK(parsePod(podWith("")).tasks.empty()); // scaled to nothing
}

TEST_CASE("pod_parser: verdicts", "[marathon][pod]") {
    const auto health = [](const std::string& conditions) {
        return parsePod(podWith(instance("TASK_RUNNING", conditions))).tasks.at(0).health;
    };
    CHECK(health(R"([{"name":"healthy","value":"false"}])") == Health::Unhealthy);
    CHECK(health(R"([{"name":"healthy","value":true}])") == Health::Healthy);
    CHECK(health("[]") == Health::Unknown);
    CHECK(health("null") == Health::Unknown);
    CHECK(health(R"([{"name":"healthy","value":7}])") == Health::Unknown);
    std::string json = podWith(instance("TASK_RUNNING", "[]"));
    json.insert(json.find(R"("allocatedHostPort":31001)"), R"("healthy":false,)");
    CHECK(parsePod(json).tasks.at(0).health == Health::Unhealthy);
}

TEST_CASE("pod_parser: missing, null and wrong types cost only themselves", "[marathon][pod]") {
    const MarathonApp bare = parsePod(R"({"id":"p","spec":{}})");
    CHECK(bare.id == "/p");
    CHECK(bare.ports.empty());
    const MarathonApp odd = parsePod(
        R"({"id":"/p","spec":{"containers":[null,7,{"name":"c","endpoints":[5,
            {"name":"web","hostPort":0,"containerPort":null,"protocol":null}]}],"networks":null},
            "instances":[null,{"id":"i","status":"STABLE","agentHostname":"h","containers":[
            {"name":"c","status":"TASK_RUNNING","endpoints":[null,{"name":"web",
            "allocatedHostPort":40000}]}]},{"id":"i","status":"STABLE","agentHostname":"h",
            "containers":[{"name":"c","status":"TASK_RUNNING"}]}]})");
    REQUIRE(odd.ports.size() == 2);
    REQUIRE(odd.tasks.size() == 1);
    CHECK(odd.tasks[0].ports == std::vector<std::uint16_t>{0, 40'000});
    CHECK_FALSE(odd.problems.empty());
    CHECK_THROWS_AS(parsePod("[]"), UnusableApp);
    CHECK_THROWS_AS(parsePod(R"({"id":"/p"})"), UnusableApp);
    CHECK_THROWS_AS(parsePod(R"({"spec":{}})"), UnusableApp);
    CHECK_THROWS_AS(parsePod("{"), JsonError);
}

TEST_CASE("pod_parser: more endpoints than a snapshot carries", "[marathon][pod]") {
    std::string endpoints;
    for (int i = 0; i < 70; ++i)
        endpoints += (i == 0 ? "" : ",") + (R"({"name":"e)" + std::to_string(i) + "\"}");
    const MarathonApp pod = parsePod(
        R"({"id":"/p","spec":{"containers":[{"name":"c","endpoints":[)" + endpoints + "]}]}}");
    CHECK(pod.ports.size() == protocol::kMaxPortsPerApp);
    CHECK(pod.problems.size() == 1);
}

} // namespace mmsd::marathon
