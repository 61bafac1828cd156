// SPDX-License-Identifier: MIT
// Tests of apps and tasks from JSON, whatever its types.
#include "daemon/marathon/app_parser.h"

#include "daemon/marathon/json.h"
#include "protocol/limits.h"
#include "protocol/state_codec.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

#include <algorithm>

namespace mmsd::marathon {

using protocol::CheckProtocol;
using protocol::Health;
using protocol::kWholeApp;
using protocol::TaskState;
using std::chrono::seconds;

namespace {

MarathonTask parseTask(const std::string& members, const std::string& appMembers = "") {
    const MarathonApp app =
        parseApp(R"({"id":"/a",)" + appMembers + R"("tasks":[{"id":"t",)" + members + "}]}");
    REQUIRE(app.tasks.size() == 1);
    return app.tasks[0];
}

bool hasProblem(const MarathonApp& app, std::string_view text) {
    return std::ranges::any_of(app.problems, [&](const auto& problem) {
        return problem.text.find(text) != std::string::npos;
    });
}

} // namespace

TEST_CASE("app_parser: needs an object with a path id", "[marathon][parser]") {
    CHECK_THROWS_AS(parseApp("{"), JsonError);
    for (const char* text :
         {"[]", "7", "{}", R"({"id":7})", R"({"id":null})", R"({"id":""})", R"({"id":"/"})",
          R"({"id":"//a"})", R"({"id":"/a/"})", R"({"id":"/a/../b"})", R"({"id":"/./a"})",
          R"({"id":"/a b"})", R"({"id":"/a\u0000"})", R"({"id":"/a\nb"})"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(parseApp(text), UnusableApp);
    }
    CHECK_THROWS_AS(parseApp(R"({"id":"/)" + std::string(230, 'x') + R"("})"), UnusableApp);
    CHECK(parseApp(R"({"id":"no-slash"})").id == "/no-slash");
    CHECK(parseApp(R"({"id":"/A_b/c.d"})").id == "/A_b/c.d");
}

TEST_CASE("app_parser: missing, null and empty are alike", "[marathon][parser]") {
    const MarathonApp missing = parseApp(R"({"id":"/a"})");
    CHECK(missing == parseApp(R"({"id":"/a","labels":null,"ports":null,"portDefinitions":null,
        "container":null,"ipAddress":null,"networks":null,"healthChecks":null,"tasks":null,
        "version":null,"unreachableStrategy":null})"));
    CHECK(missing == parseApp(R"({"id":"/a","labels":{},"ports":[],"portDefinitions":[],
        "container":{"docker":{"portMappings":[]},"portMappings":[]},"networks":[],
        "healthChecks":[],"tasks":[],"version":""})"));
    CHECK(missing.problems.empty());
    CHECK(missing.unreachableHold == seconds{60});
}

TEST_CASE("app_parser: a wrong type costs its field only", "[marathon][parser]") {
    const MarathonApp app = parseApp(R"({"id":"/a","version":7,"labels":{"n":1,"ok":"yes"},
        "portDefinitions":[{"port":"http","name":[],"protocol":{},"labels":[]},"x",{"port":10002}],
        "healthChecks":[{"portIndex":"0","gracePeriodSeconds":[],"path":5},3],
        "unreachableStrategy":{"inactiveAfterSeconds":"soon"},
        "tasks":[7,{"id":5},{"id":"t1","host":[],"ports":{},"state":9,"startedAt":1,
                 "ipAddresses":"x","healthCheckResults":7,"slaveId":[]},
                 {"id":"t2","host":"h","ports":[1,"2",3],"state":"TASK_RUNNING"}]})");
    CHECK(app.version.empty());
    CHECK(app.labels == protocol::Labels{{"ok", "yes"}});
    REQUIRE(app.ports.size() == 3);
    CHECK(app.ports[0].servicePort == 0);
    CHECK(app.ports[0].isTcp);
    CHECK(app.ports[2].servicePort == 10002);
    REQUIRE(app.ports[0].check);
    CHECK(app.ports[0].check->gracePeriod == seconds{300});
    CHECK(app.unreachableHold == seconds{60});
    REQUIRE(app.tasks.size() == 2);
    CHECK(app.tasks[0].host.empty());
    CHECK(app.tasks[0].state == TaskState::Running); // by startedAt, which is set
    CHECK(app.tasks[1].ports == std::vector<std::uint16_t>{1, 0, 3});
    CHECK(app.problems.size() == protocol::kMaxProblemsPerApp);
}

TEST_CASE("app_parser: a list or object of another type is like none", "[marathon][parser]") {
    for (const char* name : {"labels", "ports", "portDefinitions", "container", "ipAddress",
                             "networks", "healthChecks", "tasks"}) {
        for (const char* value : {"7", "true", R"("x")", "[7]", R"({"x":7})"}) {
            CAPTURE(name, value);
            const MarathonApp app =
                parseApp(R"({"id":"/a",")" + std::string{name} + "\":" + value + "}");
            CHECK(app.id == "/a");
            test::FakeHosts hosts;
            AppMemory memory;
            CHECK_NOTHROW(protocol::encodeApp(evaluateApp(app, memory, hosts, test::moment()).app));
        }
    }
}

TEST_CASE("app_parser: an unknown network mode costs the app's instances", "[marathon][parser]") {
    const MarathonApp app = parseApp(
        R"({"id":"/a","networks":[{"mode":"quantum"}],"tasks":[{"id":"t","state":"TASK_RUNNING"}]})");
    CHECK(app.tasks.empty());
    CHECK(hasProblem(app, "unknown network mode"));
}

TEST_CASE("app_parser: reads transports and port names", "[marathon][parser]") {
    const MarathonApp app = parseApp(R"({"id":"/a","portDefinitions":[
        {"protocol":"tcp"},{"protocol":"udp"},{"protocol":"udp,tcp"},{"protocol":"tcp, UDP"},
        {"protocol":"sctp"},{"protocol":null,"name":"http"},{"name":")" +
                                     std::string(64, 'n') + R"("}]})");
    REQUIRE(app.ports.size() == 7);
    const auto isTransport = [&](std::size_t i, bool tcp, bool udp) {
        return app.ports[i].isTcp == tcp && app.ports[i].isUdp == udp;
    };
    CHECK(isTransport(0, true, false));
    CHECK(isTransport(1, false, true));
    CHECK(isTransport(2, true, true));
    CHECK(isTransport(3, true, true));
    CHECK(isTransport(4, false, false)); // which no load balancer can serve
    CHECK(hasProblem(app, "portDefinitions[4].protocol: unknown word"));
    CHECK(isTransport(5, true, false));
    CHECK(app.ports[5].name == "http");
    CHECK(app.ports[6].name.empty());
}

TEST_CASE("app_parser: a check's path that cannot be asked for is not \"/\"",
          "[marathon][parser]") {
    const std::string tooLong = '/' + std::string(5'000, 'x');
    const MarathonApp app = parseApp(R"({"id":"/a","ports":[1,2,3],"healthChecks":[
        {"path":"/a\nb"},{"portIndex":1,"path":")" +
                                     tooLong + R"("},{"portIndex":2}]})");
    REQUIRE(app.ports[0].check);
    CHECK(app.ports[0].check->path == R"(/a\nb)");
    REQUIRE(app.ports[1].check);
    CHECK(app.ports[1].check->path.size() < 300);
    CHECK(app.ports[1].check->path.ends_with("\u2026"));
    REQUIRE(app.ports[2].check);
    CHECK(app.ports[2].check->path.empty()); // "/"
    CHECK(app.problems.size() == 2);
}

TEST_CASE("app_parser: attaches checks to their port index", "[marathon][parser]") {
    const MarathonApp app = parseApp(R"({"id":"/a","ports":[1,2,3,4],"healthChecks":[
        {"path":"/health","intervalSeconds":10,"timeoutSeconds":5,"maxConsecutiveFailures":0},
        {"protocol":"COMMAND","command":{"value":"true"},"portIndex":1},
        {"protocol":"MESOS_TCP","portIndex":1,"gracePeriodSeconds":600},
        {"protocol":"HTTPS","portIndex":2,"port":8443,"path":null},
        {"protocol":"TCP","portIndex":2},
        {"protocol":"CARRIER-PIGEON","portIndex":3},
        {"protocol":"TCP","portIndex":9}]})");
    REQUIRE(app.ports[0].check);
    CHECK(app.ports[0].check->protocol == CheckProtocol::Http);
    CHECK(app.ports[0].check->path == "/health");
    CHECK(app.ports[0].check->interval == seconds{10});
    CHECK(app.ports[0].check->timeout == seconds{5});
    CHECK(app.ports[0].check->maxConsecutiveFailures == 0);
    REQUIRE(app.ports[1].check);
    CHECK(app.ports[1].check->protocol == CheckProtocol::Tcp); // says more than the command
    REQUIRE(app.ports[2].check);
    CHECK(app.ports[2].check->protocol == CheckProtocol::Https); // the first
    CHECK(app.ports[2].check->port == 8443);
    CHECK_FALSE(app.ports[3].check);
    CHECK(app.gracePeriod == seconds{600});
    CHECK(hasProblem(app, "healthChecks[5].protocol"));
    CHECK(hasProblem(app, "healthChecks[6].portIndex"));
}

TEST_CASE("app_parser: absurd durations are bounded", "[marathon][parser]") {
    const MarathonApp app = parseApp(R"({"id":"/a","ports":[1],"healthChecks":[
        {"gracePeriodSeconds":9223372036854775807,"intervalSeconds":-5}]})");
    CHECK(app.gracePeriod == seconds{2'000'000'000});
    CHECK(app.ports[0].check->gracePeriod == seconds{4'000'000});
    CHECK(app.ports[0].check->interval == seconds{60});
}

TEST_CASE("app_parser: task states and their absence", "[marathon][parser]") {
    CHECK(parseTask(R"("state":"TASK_RUNNING")").state == TaskState::Running);
    CHECK(parseTask(R"("state":"TASK_STAGING","startedAt":"2020-01-01T00:00:00Z")").state ==
          TaskState::Staging);
    CHECK(parseTask(R"("state":"TASK_STARTING")").state == TaskState::Starting);
    CHECK(parseTask(R"("state":"TASK_KILLING")").state == TaskState::Killing);
    CHECK(parseTask(R"("state":"TASK_UNREACHABLE")").state == TaskState::Unreachable);
    CHECK(parseTask(R"("state":"TASK_LOST")").state == TaskState::Unreachable);
    CHECK(parseTask(R"("state":"TASK_DANCING")").state == TaskState::Staging);
    // Marathon < 0.15.4 and 1.0 to 1.1.1
    CHECK(parseTask(R"("startedAt":"2020-01-01T00:00:00Z")").state == TaskState::Running);
    CHECK(parseTask(R"("startedAt":null)").state == TaskState::Staging);
    CHECK(parseTask(R"("stagedAt":"2020-01-01T00:00:00Z")").state == TaskState::Staging);
    for (const char* ended : {"FINISHED", "FAILED", "KILLED", "ERROR", "GONE", "GONE_BY_OPERATOR",
                              "DROPPED", "UNKNOWN"}) {
        CAPTURE(ended);
        CHECK(parseApp(R"({"id":"/a","tasks":[{"id":"t","state":"TASK_)" + std::string{ended} +
                       R"("}]})")
                  .tasks.empty());
    }
}

TEST_CASE("app_parser: Marathon's verdict is over all declared checks", "[marathon][parser]") {
    const auto health = [](const char* checks, const char* results) {
        return parseTask(R"("state":"TASK_RUNNING","healthCheckResults":)" + std::string{results},
                         R"("healthChecks":)" + std::string{checks} + ",")
            .health;
    };
    CHECK(health("[]", "[{\"alive\":false}]") == Health::NoChecks);
    CHECK(health("[{}]", "[{\"alive\":true}]") == Health::Healthy);
    CHECK(health("[{}]", "[{\"alive\":false}]") == Health::Unhealthy);
    CHECK(health("[{}]", "[]") == Health::Unknown);
    CHECK(health("[{}]", "null") == Health::Unknown);
    CHECK(health("[{}]", "[null]") == Health::Unknown);
    CHECK(health("[{}]", "[{\"alive\":null}]") == Health::Unknown);
    CHECK(health("[{},{}]", "[{\"alive\":true}]") == Health::Unknown);
    CHECK(health("[{},{}]", "[{\"alive\":true},null,{\"alive\":true}]") == Health::Healthy);
    CHECK(health("[{},{}]", "[{\"alive\":false}]") == Health::Unhealthy);
}

TEST_CASE("app_parser: addresses of a task, IPv4 first", "[marathon][parser]") {
    const MarathonTask task = parseTask(
        R"("ipAddresses":[{"ipAddress":"fd00::1"},{"ipAddress":"9.0.0.2"},{"ipAddress":"9.0.0.1"},
            {"ipAddress":"x"},{"ipAddress":null},{},{"ipAddress":"9.0.0.2"},
            {"ipAddress":"9.0.0.3"},{"ipAddress":"9.0.0.4"}])");
    REQUIRE(task.addresses.size() == protocol::kMaxAddresses);
    CHECK(task.addresses[0].toString() == "9.0.0.2");
    CHECK(task.addresses[1].toString() == "9.0.0.1");
}

TEST_CASE("app_parser: hosts and ids that could break an output are left out",
          "[marathon][parser]") {
    CHECK(parseTask(R"("host":"agent-1.example.org")").host == "agent-1.example.org");
    CHECK(parseTask(R"("host":"fd00::1")").host == "fd00::1");
    CHECK(parseTask(R"("host":"a b")").host.empty());
    CHECK(parseTask(R"("host":"a\nb:80")").host.empty());
    CHECK(parseTask(R"("host":"a/b")").host.empty());
    CHECK(parseTask(R"("host":")" + std::string(256, 'h') + "\"").host.empty());
    CHECK(parseApp(R"({"id":"/a","tasks":[{"id":"x\ny"},{"id":""},{},{"id":"t"},{"id":"t"}]})")
              .tasks.size() == 1);
}

TEST_CASE("app_parser: labels are held to what a snapshot carries", "[marathon][parser]") {
    std::string labels;
    for (int i = 0; i < 600; ++i)
        labels += "\"K" + std::to_string(i) + "\":\"" + std::string(100, 'v') + "\",";
    const MarathonApp app = parseApp(
        R"({"id":"/a","labels":{)" + labels + R"("lb-group":"g","big":")" + std::string(5000, 'b') +
        R"(","lb-vhost":")" + std::string(5000, 'b') + R"(","nul":"a\u0000b","bad\nkey":"x",
        "text":"line\nbreak: {} ünï"},"portDefinitions":[{"labels":{"proto":"http"}}]})");
    CHECK(app.labels.at("lb-group") == "g"); // whatever else is there
    CHECK(app.ports[0].labels.at("proto") == "http");
    CHECK_FALSE(app.labels.contains("big"));
    CHECK_FALSE(app.labels.contains("lb-vhost"));
    CHECK_FALSE(app.labels.contains("nul"));
    CHECK_FALSE(app.labels.contains("bad\nkey"));
    CHECK(app.labels.size() < protocol::kMaxLabelsPerApp);
    CHECK(hasProblem(app, "lb-vhost"));
    CHECK(hasProblem(app, "labels left out"));

    test::FakeHosts hosts;
    AppMemory memory;
    CHECK_NOTHROW(protocol::encodeApp(evaluateApp(app, memory, hosts, test::moment()).app));
    CHECK(parseApp(R"({"id":"/a","labels":{"text":"line\nbreak: {} ünï"}})").labels.at("text") ==
          "line\nbreak: {} ünï");
}

TEST_CASE("app_parser: hold time of unreachable tasks", "[marathon][parser]") {
    const auto hold = [](const char* strategy) {
        return parseApp(R"({"id":"/a","unreachableStrategy":)" + std::string{strategy} + "}")
            .unreachableHold;
    };
    CHECK(hold(R"({"inactiveAfterSeconds":30,"expungeAfterSeconds":60})") == seconds{30});
    CHECK(hold(R"({"inactiveAfterSeconds":300})") == seconds{60});
    CHECK(hold(R"({"inactiveAfterSeconds":0,"expungeAfterSeconds":0})") == seconds{60});
    CHECK(hold(R"({"inactiveAfterSeconds":1})") == seconds{1});
    CHECK(hold(R"("disabled")") == seconds{60});
    CHECK(hold("{}") == seconds{60});
}

} // namespace mmsd::marathon
