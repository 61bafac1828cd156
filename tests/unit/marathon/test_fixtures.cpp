// SPDX-License-Identifier: MIT
// Recorded answers and events of many Marathon versions; skipped where they are not at hand.
#include "common/file_io.h"
#include "daemon/marathon/app_file.h"
#include "daemon/marathon/event.h"
#include "daemon/marathon/pod_parser.h"
#include "daemon/marathon/sse_parser.h"
#include "protocol/state_codec.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

namespace mmsd::marathon {

namespace {

using Lines = std::vector<std::string>;

/** The folder of the recorded documents, or "" where there is none. */
std::string fixtures() {
    const char* const given = std::getenv("MMSD_FIXTURES");
    std::string path = given != nullptr ? given : MMSD_SOURCE_DIR "/../shared/fixtures/marathon";
    if (std::filesystem::is_directory(path))
        return path;
    WARN("skipped: no recorded documents at " << path << " (set MMSD_FIXTURES)");
    return "";
}

Lines filesIn(const std::string& folder) {
    Lines files;
    for (const auto& entry : std::filesystem::directory_iterator{folder})
        files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

std::vector<protocol::App> appsOf(const std::string& file) {
    std::vector<protocol::App> apps;
    test::FakeHosts hosts;
    hosts.fallback = test::ip("192.0.2.1"); // every name resolves
    readAppFile(file, [&](std::string_view json) {
        AppMemory memory;
        apps.push_back(evaluateApp(parseApp(json), memory, hosts, test::moment()).app);
    });
    return apps;
}

/** "app[port index] host:port serving" of each instance and index, sorted; "app host serving" of
 *  instances without ports; "-" for an index that has no endpoint. */
Lines describe(const std::vector<protocol::App>& apps) {
    Lines lines;
    for (const protocol::App& app : apps) {
        for (const protocol::Instance& instance : app.instances) {
            const std::string verdict{toString(instance.serving)};
            if (instance.ports.empty())
                lines.push_back(app.id + " " + instance.host + " " + verdict);
            for (std::size_t i = 0; i < instance.ports.size(); ++i) {
                const auto found = endpoint(instance, i);
                lines.push_back(app.id + "[" + std::to_string(i) + "] " +
                                (found ? formatHostPort(found->host, found->port) : "-") + " " +
                                verdict);
            }
        }
    }
    std::ranges::sort(lines);
    return lines;
}

struct Expectation {
    const char* file;
    Lines lines; ///< sorted
};

// Worked out by hand from the documents. All tasks started years before the moment of the test, so
// every grace period is over, but one of 31 years.
const std::vector<Expectation> kExpectations{
    // BRIDGE with two mappings: task.ports in order; the 172.17 addresses are docker's own.
    {"apps/akka-docker-app-1.4.json",
     {"/products-api[0] 10.121.48.204:10135 yes", "/products-api[0] 10.121.48.204:29479 yes",
      "/products-api[1] 10.121.48.204:10136 yes", "/products-api[1] 10.121.48.204:29480 yes"}},
    // Two mappings, but tasks with one port: index 1 has none. The second task has no result yet.
    {"apps/allegro-apps.json",
     {"/bridged-webapp[0] 192.168.2.114:31315 yes",
      "/bridged-webapp[0] 192.168.2.114:31797 yes_verdict_unknown", "/bridged-webapp[1] - yes",
      "/bridged-webapp[1] - yes_verdict_unknown"}},
    // The router is BRIDGE without mappings: `ports` counts. No `state`: startedAt means running.
    {"apps/f5-app-no-hm.json",
     {"/f5-service-router[0] 10.141.141.10:31010 yes", "/server-app3[0] 10.141.141.10:31356 yes",
      "/server-app3[0] 10.141.141.10:31627 yes", "/server-app[0] 10.141.141.10:31132 yes",
      "/server-app[0] 10.141.141.10:31615 yes", "/server-app[0] 10.141.141.10:31972 yes",
      "/server-app[0] 10.141.141.10:31982 yes"}},
    {"apps/f5-app-scaled.json",
     {"/f5-service-router[0] 10.141.141.10:31010 yes", "/server-app2[0] 10.141.141.10:31126 yes",
      "/server-app2[0] 10.141.141.10:31151 yes", "/server-app2[0] 10.141.141.10:31345 yes",
      "/server-app2[0] 10.141.141.10:31701 yes", "/server-app[0] 10.141.141.10:31132 yes",
      "/server-app[0] 10.141.141.10:31615 yes", "/server-app[0] 10.141.141.10:31972 yes",
      "/server-app[0] 10.141.141.10:31982 yes"}},
    {"apps/f5-no-apps.json", {"/f5-service-router[0] 10.141.141.10:31324 yes"}},
    {"apps/f5-one-app-in-subdir.json",
     {"/f5-service-router[0] 10.141.141.10:31010 yes",
      "/my_services/test-2/server-app[0] 10.141.141.10:31132 yes",
      "/my_services/test-2/server-app[0] 10.141.141.10:31615 yes",
      "/my_services/test-2/server-app[0] 10.141.141.10:31972 yes",
      "/my_services/test-2/server-app[0] 10.141.141.10:31982 yes"}},
    // Two checks, both with a result and alive.
    {"apps/f5-one-app-two-service-ports.json",
     {"/f5-service-router[0] 10.141.141.10:31328 yes", "/server-app4[0] 10.141.141.10:31144 yes",
      "/server-app4[0] 10.141.141.10:31390 yes", "/server-app4[0] 10.141.141.10:31581 yes",
      "/server-app4[1] 10.141.141.10:31145 yes", "/server-app4[1] 10.141.141.10:31391 yes",
      "/server-app4[1] 10.141.141.10:31582 yes"}},
    {"apps/f5-one-app.json",
     {"/f5-service-router[0] 10.141.141.10:31010 yes", "/server-app[0] 10.141.141.10:31132 yes",
      "/server-app[0] 10.141.141.10:31615 yes", "/server-app[0] 10.141.141.10:31972 yes",
      "/server-app[0] 10.141.141.10:31982 yes"}},
    {"apps/f5-two-apps.json",
     {"/f5-service-router[0] 10.141.141.10:31010 yes", "/server-app2[0] 10.141.141.10:31126 yes",
      "/server-app2[0] 10.141.141.10:31151 yes", "/server-app2[0] 10.141.141.10:31345 yes",
      "/server-app2[0] 10.141.141.10:31701 yes", "/server-app[0] 10.141.141.10:31972 yes",
      "/server-app[0] 10.141.141.10:31982 yes"}},
    // container/bridge (1.5): the agent's host and port.
    {"apps/f5-two-apps-v152.json",
     {"/nginx-app-nohm[0] 172.16.1.6:31042 yes", "/nginx-app-nohm[0] 172.16.1.7:16709 yes",
      "/nginx-app[0] 172.16.1.6:11329 yes", "/nginx-app[0] 172.16.1.7:9158 yes"}},
    {"apps/marathonlb-marathon15-apps.json", {"/pywebserver[0] 10.0.2.148:1565 yes"}},
    {"apps/marathonlb-zdd-apps.json",
     {"/nginx-blue[0] 10.0.1.147:25724 yes", "/nginx-green[0] 10.0.6.25:16916 yes",
      "/nginx-green[0] 10.0.6.25:23336 yes", "/nginx-green[0] 10.0.6.25:31184 yes"}},
    // Host mode, portDefinitions []: no ports. One check says dead; one without result has a grace
    // period of a thousand million seconds.
    {"apps/sensu-apps-embeds-1.5.json",
     {"/sensu-test 10.0.7.74 yes", "/sensu-test-deploying 10.0.7.134 awaiting_verdict",
      "/sensu-test-running-healthy 10.0.7.162 yes", "/sensu-test-unhealthy 10.0.7.159 unhealthy"}},
    // Four service ports; two checks but one result: the verdict is unknown, the grace period over.
    {"app/allegro-app.json",
     {"/myapp[0] 10.141.141.10:31307 yes_verdict_unknown",
      "/myapp[0] 10.141.141.10:31678 yes_verdict_unknown",
      "/myapp[1] 10.141.141.10:31308 yes_verdict_unknown",
      "/myapp[1] 10.141.141.10:31679 yes_verdict_unknown",
      "/myapp[2] 10.141.141.10:31309 yes_verdict_unknown",
      "/myapp[2] 10.141.141.10:31680 yes_verdict_unknown",
      "/myapp[3] 10.141.141.10:31310 yes_verdict_unknown",
      "/myapp[3] 10.141.141.10:31681 yes_verdict_unknown"}},
    {"app/depcon-app.json", {"/storage/redis-x[0] 1.1.1.1:7000 yes"}},
    {"app/docs-0.8-app-toggle.json",
     {"/toggle[0] 10.141.141.10:31045 yes", "/toggle[0] 10.141.141.10:31234 yes"}},
    {"app/gomarathon-fake-app.json",
     {"/fake-app[0] 10.141.141.10:31045 yes", "/fake-app[0] 10.141.141.10:31234 yes"}},
    // Neither portDefinitions nor ports: no index, whatever task.ports says.
    {"app/linkerd-app-no-health-check.json", {"/foo 1.2.3.4 yes", "/foo 5.6.7.8 draining"}},
    // Two checks: both alive; one dead; being killed; no result; one of two. No startedAt: new.
    {"app/linkerd-app.json",
     {"/foo 1.2.3.4 yes", "/foo 13.14.15.16 awaiting_verdict", "/foo 17.18.19.20 awaiting_verdict",
      "/foo 5.6.7.8 unhealthy", "/foo 9.10.11.12 draining"}},
    // IP per task: the task's own address and the discovery port.
    {"app/linkerd-ip-app.json",
     {"/foo[0] 250.1.62.0:8080 yes", "/foo[0] 250.1.62.1:8080 draining",
      "/foo[0] 250.1.62.2:8080 draining", "/foo[0] 250.1.62.3:8080 awaiting_verdict",
      "/foo[0] 250.1.62.4:8080 awaiting_verdict"}},
    {"app/marathonlb-zdd-app-blue-1.5.json",
     {"/nginx-green[0] 10.0.6.25:16916 yes", "/nginx-green[0] 10.0.6.25:23336 yes",
      "/nginx-green[0] 10.0.6.25:31184 yes"}},
    {"app/marathonlb-zdd-app-blue.json",
     {"/nginx-green[0] 10.0.6.25:16916 yes", "/nginx-green[0] 10.0.6.25:23336 yes",
      "/nginx-green[0] 10.0.6.25:31184 yes"}},
};

// Parts of apps, without an id and without a state of their task: where it would be reached.
const std::vector<Expectation> kParts{
    // A container network without host ports: the task's address and the container's ports.
    {"app/marathonlb-container-network-1.5.json",
     {"/part[0] 1.2.3.4:80 not_running", "/part[1] 1.2.3.4:81 not_running"}},
    {"app/marathonlb-user-network-1.3.json",
     {"/part[0] 1.2.3.4:80 not_running", "/part[1] 1.2.3.4:81 not_running"}},
    {"app/marathonlb-ip-per-task-discovery.json",
     {"/part[0] 1.2.3.4:123 not_running", "/part[1] 1.2.3.4:234 not_running"}},
};

bool isWithoutId(const std::string& file) {
    return std::ranges::any_of(kParts, [&](const auto& part) { return file.ends_with(part.file); });
}

/** "app servicePort,servicePort,…" of documents without tasks. */
const std::vector<Expectation> kServicePorts{
    // `ports` disagrees with the mappings: the mappings count, the second has no servicePort.
    {"apps/docs-0.8-apps-bridge.json", {"/bridged-webapp 9000,0"}},
    {"apps/datadog-apps-1.1.json", {"/my-app 10002", "/my-app-2 10002"}},
    {"apps/docs-0.13-app-list.json", {"/myapp 10013,10015"}},
    {"apps/gomarathon-apps.json", {"/fake-app 9000,0", "/fake-app-broken 9000,0"}},
    {"apps/linkerd-no-apps.json", {}},
    {"app/acme-bridge-1.4.json", {"/foovu1 10008"}},
    {"app/acme-host-1.4.json", {"/foovu1 10008"}},
    {"app/acme-user-network-1.4.json", {"/foovu1 10004"}},
    {"app/dcosui-1-task-app.json", {"/sleep 10000"}},
    // BRIDGE counts before ipAddress and portDefinitions.
    {"app/docs-kitchen-sink-app.json", {"/foo 10019"}},
    {"app/relay-mc2-app-1.5.json", {"/mc2 10003"}},
    {"groups/docs-1.10-group.json",
     {"/tools/datadog-agent 10018", "/tools/docker/registry 5000", "/tools/oauth-server 1980"}},
    {"groups/dcosui-pod-group.json", {}},
};

} // namespace

TEST_CASE("fixtures: every document of apps is taken", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    std::size_t documents = 0;
    for (const char* part : {"apps", "app", "groups", "definitions"}) {
        for (const std::string& file : filesIn(folder + "/" + part)) {
            CAPTURE(file);
            if (isWithoutId(file)) {
                CHECK_THROWS_AS(appsOf(file), JsonError);
                continue;
            }
            std::vector<protocol::App> apps;
            REQUIRE_NOTHROW(apps = appsOf(file));
            for (const protocol::App& app : apps)
                REQUIRE_NOTHROW(protocol::encodeApp(app));
            ++documents;
        }
    }
    CHECK(documents >= 40);
    CHECK(appsOf(folder + "/groups/scale-155-100-apps.json").size() == 100);
}

TEST_CASE("fixtures: instances are where Marathon says", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    for (const Expectation& expectation : kExpectations) {
        CAPTURE(expectation.file);
        CHECK(describe(appsOf(folder + "/" + expectation.file)) == expectation.lines);
    }
}

TEST_CASE("fixtures: parts of apps, given an id", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    for (const Expectation& part : kParts) {
        CAPTURE(part.file);
        std::string json = readFile(folder + "/" + part.file, 1u << 20);
        json.insert(json.find('{') + 1, R"("id":"/part",)");
        test::FakeHosts hosts;
        AppMemory memory;
        CHECK(describe({evaluateApp(parseApp(json), memory, hosts, test::moment()).app}) ==
              part.lines);
    }
}

TEST_CASE("fixtures: service ports are those that Marathon assigned", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    for (const Expectation& expectation : kServicePorts) {
        CAPTURE(expectation.file);
        Lines lines;
        for (const protocol::App& app : appsOf(folder + "/" + expectation.file)) {
            CHECK(app.instances.empty());
            std::string line = app.id + " ";
            for (const protocol::Port& port : app.ports)
                line += (line.ends_with(' ') ? "" : ",") + std::to_string(port.servicePort);
            lines.push_back(line);
        }
        std::ranges::sort(lines);
        CHECK(lines == expectation.lines);
    }
}

TEST_CASE("fixtures: pod statuses", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    const MarathonApp pod =
        parsePod(readFile(folder + "/pods/gomarathon-pod-status.json", 1u << 20));
    CHECK(pod.id == "/fake-pod");
    CHECK(pod.ports.empty()); // its spec has no containers
    REQUIRE(pod.tasks.size() == 1);
    CHECK(pod.tasks[0].host == "192.168.99.100");
    CHECK(pod.tasks[0].state == protocol::TaskState::Running);
    CHECK(pod.problems.empty());

    // A group's answer has pods in the same form.
    const std::string text = readFile(folder + "/groups/dcosui-pod-group.json", 1u << 20);
    const std::size_t from = text.find('[', text.find("\"pods\""));
    std::vector<protocol::App> apps;
    test::FakeHosts hosts;
    AppScanner scanner{AppScanner::Shape::Array, [&](std::string_view json) {
                           AppMemory memory;
                           apps.push_back(
                               evaluateApp(parsePod(json), memory, hosts, test::moment()).app);
                       }};
    CHECK_THROWS_AS(scanner.feed(std::string_view{text}.substr(from)),
                    JsonError); // the group's end
    REQUIRE(apps.size() == 2);
    CHECK(apps[0].id == "/podses");
    CHECK(apps[0].ports.at(0).name == "ping");
    CHECK(apps[0].instances.size() == 9);
    // Their containers tell of no endpoints although the spec has one.
    CHECK(describe({apps[0]}).front() == "/podses[0] - yes");
    CHECK(describe({apps[1]}) == Lines{"/customvip[0] 10.0.3.185:10968 yes"});
    CHECK(apps[1].ports.at(0).labels.at("VIP_0") == "/bar:500");
}

TEST_CASE("fixtures: what holds no apps is refused", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    for (const char* file : {"misc/linkerd-app-not-found-404.json", "misc/docs-1.10-info.json",
                             "misc/docs-0.8-leader.json", "text/docs-0.8-tasks.txt"}) {
        CAPTURE(file);
        CHECK_THROWS_AS(appsOf(folder + "/" + file), JsonError);
    }
}

TEST_CASE("fixtures: every recorded event is understood", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    std::set<std::string> types;
    for (const std::string& file : filesIn(folder + "/events")) {
        CAPTURE(file);
        const auto events = parseEvents(readFile(file, 1u << 20));
        REQUIRE(events.size() == 1);
        CHECK(events[0].type != "other");
        CHECK((events[0].effect == EventEffect::Apps) == !events[0].appIds.empty());
        types.insert(events[0].type);
    }
    CHECK(types.size() >= 18);

    const auto appIds = [&](const char* name) {
        return parseEvents(readFile(folder + "/events/" + name, 1u << 20)).at(0).appIds;
    };
    CHECK(appIds("docs-status_update_event.json") == Lines{"/my-app"});
    CHECK(appIds("relay-api_post-bridge.json") == Lines{"/jamie-event-test"});
    CHECK(appIds("docs-instance_changed_event.json") == Lines{"/app-id"});
}

TEST_CASE("fixtures: recorded streams", "[marathon][fixtures]") {
    const std::string folder = fixtures();
    if (folder.empty())
        return;
    struct Stream {
        const char* file;
        std::size_t events;
    };
    // The second recording ends inside its 26th event, which therefore does not count.
    for (const auto& [file, count] :
         {Stream{"sse/docs-events.txt", 3}, Stream{"sse/zdd-lab-1.3-transcript.txt", 25}}) {
        CAPTURE(file);
        std::size_t events = 0;
        SseParser parser{{.onEvent =
                              [&](std::string_view name, std::string_view data) {
                                  const auto parsed = parseEvents(data);
                                  REQUIRE(parsed.size() == 1);
                                  CHECK(parsed[0].type == name);
                                  ++events;
                              },
                          .onOversized = [] { FAIL("oversized"); }}};
        const std::string text = readFile(folder + "/" + file, 1u << 20);
        for (std::size_t at = 0; at < text.size(); at += 777)
            parser.feed(std::string_view{text}.substr(at, 777));
        CHECK(events == count);
    }
}

} // namespace mmsd::marathon
