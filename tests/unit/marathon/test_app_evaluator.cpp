// SPDX-License-Identifier: MIT
// Tests of the step from Marathon's app to the app of a snapshot.
#include "daemon/marathon/app_evaluator.h"
#include "protocol/limits.h"
#include "protocol/state_codec.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

using protocol::Serving;

Evaluation evaluate(const std::string& json, test::FakeHosts& hosts) {
    AppMemory memory;
    return evaluateApp(parseApp(json), memory, hosts, test::moment());
}

constexpr const char* kMixed = R"({"id":"/a","networks":[{"mode":"container"}],
    "container":{"portMappings":[{"containerPort":80},{"containerPort":81,"hostPort":0}]},
    "tasks":[{"id":"t","host":"agent","state":"TASK_RUNNING","ports":[31000],
              "ipAddresses":[{"ipAddress":"9.0.0.5"}]}]})";

} // namespace

TEST_CASE("app_evaluator: ports lead to the host or to the task", "[marathon][evaluator]") {
    test::FakeHosts hosts;
    hosts.known["agent"] = {test::ip("10.0.0.1")};
    const auto app = evaluate(kMixed, hosts).app;
    REQUIRE(app.instances.size() == 1);
    const auto& instance = app.instances[0];
    CHECK(instance.serving == Serving::Yes);
    const auto first = endpoint(instance, 0);
    REQUIRE(first);
    CHECK(first->host == "9.0.0.5");
    CHECK(first->port == 80);
    const auto second = endpoint(instance, 1);
    REQUIRE(second);
    CHECK(second->host == "agent");
    CHECK(second->port == 31000);
    CHECK(*second->addresses == std::vector{test::ip("10.0.0.1")});
}

TEST_CASE("app_evaluator: a name without address costs what needs it", "[marathon][evaluator]") {
    test::FakeHosts hosts;
    CHECK(evaluate(kMixed, hosts).app.instances[0].serving == Serving::Yes); // port 0 is reachable

    const std::string plain = R"({"id":"/a","ports":[1],"tasks":[
        {"id":"t","host":"agent","state":"TASK_RUNNING","ports":[31000]},
        {"id":"u","host":"10.0.0.2","state":"TASK_RUNNING","ports":[31000]},
        {"id":"v","host":"agent","state":"TASK_KILLING","ports":[31000]}]})";
    const auto waiting = evaluate(plain, hosts).app;
    REQUIRE(waiting.instances.size() == 3);
    CHECK(waiting.instances[0].serving == Serving::Yes);
    CHECK(waiting.instances[1].serving == Serving::Unresolved);
    CHECK(waiting.instances[2].serving == Serving::Draining);
    CHECK(waiting.problems.empty());

    hosts.known["agent"] = {}; // the look-up has failed
    const auto failed = evaluate(plain, hosts).app;
    REQUIRE(failed.problems.size() == 1);
    CHECK(failed.problems[0].text == "host does not resolve: agent");
}

TEST_CASE("app_evaluator: a container task without address waits", "[marathon][evaluator]") {
    test::FakeHosts hosts;
    const auto app = evaluate(R"({"id":"/a","networks":[{"mode":"container"}],
        "container":{"portMappings":[{"containerPort":80}]},
        "tasks":[{"id":"t","host":"10.0.0.1","state":"TASK_RUNNING","ports":[]}]})",
                              hosts)
                         .app;
    CHECK(app.instances[0].serving == Serving::Unresolved);
    CHECK_FALSE(endpoint(app.instances[0], 0));
}

TEST_CASE("app_evaluator: docker's internal addresses are not published", "[marathon][evaluator]") {
    test::FakeHosts hosts;
    const auto app = evaluate(R"({"id":"/a","networks":[{"mode":"container/bridge"}],
        "container":{"portMappings":[{"containerPort":80}]},
        "tasks":[{"id":"t","host":"10.0.0.1","state":"TASK_RUNNING","ports":[31000],
                  "ipAddresses":[{"ipAddress":"172.17.0.2"}]}]})",
                              hosts)
                         .app;
    CHECK(app.instances[0].containerAddresses.empty());
    CHECK(app.instances[0].serving == Serving::Yes);
}

TEST_CASE("app_evaluator: equal states have equal bytes", "[marathon][evaluator]") {
    test::FakeHosts hosts;
    const std::string head = R"({"id":"/a","labels":{"b":"2","a":"1"},"ports":[1],"tasks":[)";
    std::vector<std::string> tasks{
        R"({"id":"t0","host":"10.0.0.1","state":"TASK_RUNNING","ports":[2]})",
        R"({"id":"t1","host":"10.0.0.2","state":"TASK_RUNNING","ports":[2]})",
        R"({"id":"t2","host":"10.0.0.1","state":"TASK_RUNNING","ports":[3]})",
        R"({"id":"t3","host":"10.0.0.1","state":"TASK_RUNNING","ports":[2]})"};
    std::optional<protocol::EncodedApp> first;
    int permutations = 0;
    do {
        std::string json = head;
        for (const std::string& task : tasks)
            json += task + (&task == &tasks.back() ? "]}" : ",");
        const auto app = evaluate(json, hosts).app;
        const auto encoded = protocol::encodeApp(app);
        if (!first)
            first = encoded;
        CHECK((encoded.app == first->app && encoded.instances == first->instances));
        std::vector<std::string> order;
        for (const auto& instance : app.instances)
            order.push_back(instance.taskId);
        CHECK(order == std::vector<std::string>{"t0", "t3", "t2", "t1"}); // host, port, id
        ++permutations;
    } while (std::ranges::next_permutation(tasks).found);
    CHECK(permutations == 24);
}

TEST_CASE("app_evaluator: tells when to look again", "[marathon][evaluator]") {
    test::FakeHosts hosts;
    const auto evaluation = evaluate(R"({"id":"/a","ports":[1],
        "healthChecks":[{"gracePeriodSeconds":30},{"gracePeriodSeconds":90}],"tasks":[
        {"id":"t","host":"h","state":"TASK_RUNNING","startedAt":"2020-06-01T11:59:50Z"},
        {"id":"u","host":"h","state":"TASK_RUNNING","startedAt":"2020-06-01T11:59:30Z"}]})",
                                     hosts);
    CHECK(evaluation.until == test::moment(std::chrono::seconds{60}).steady);
}

} // namespace mmsd::marathon
