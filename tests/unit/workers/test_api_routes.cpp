// SPDX-License-Identifier: MIT
// Tests of the API's resources, row by row of the contract.
#include "build_config.h"

#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/api_routes.h"
#include "workers/api-server/instance_list.h"

#include <string>
#include <utility>
#include <variant>

using namespace mmsd;
using api::HttpResponse;
using test::app;
using test::instance;

namespace {

/** The state of most tests; see its apps. */
api::ApiState sampleState() {
    auto sick = instance("10.0.0.3", {31000, 31001});
    sick.serving = protocol::Serving::Unhealthy;
    auto named = instance("agent-nine", {9000, 0}, "10.0.0.9");
    auto inContainer = instance("10.0.0.7", {7000, 8080});
    inContainer.ports[1].isOnContainer = true;
    inContainer.containerAddresses = {*IpAddress::parse("172.16.0.5")};

    api::ApiState state;
    state.snapshot =
        test::snapshotOf({app("/a/b", {10000, 10001},
                              {instance("10.0.0.10", {31000, 31001}), named, sick,
                               instance("10.0.0.2", {9000, 9001}), instance("10.0.0.2", {800, 801}),
                               instance("agent-six", {1, 2}, "2001:db8::1")}),
                          app("/container", {80, 81}, {inContainer}), app("/idle", {80}),
                          app("/none", {}, {instance("10.0.0.1", {})}), app("/zero", {0, 80})},
                         42);
    return state;
}

/** Asks for @p target with the fields of @p request. */
HttpResponse askWith(api::HttpRequest request, const std::string& target,
                     const api::ApiState& state = sampleState()) {
    if (request.method.empty())
        request.method = "GET";
    const std::size_t question = target.find('?');
    request.path = target.substr(0, question);
    request.query = question == std::string::npos ? "" : target.substr(question + 1);
    return api::answer(request, state, {});
}

HttpResponse ask(const std::string& target, const std::string& method = "GET",
                 const api::ApiState& state = sampleState()) {
    return askWith({.method = method}, target, state);
}

std::string text(const std::string& target) {
    const HttpResponse response = ask(target);
    CAPTURE(target, response.body);
    CHECK(response.status == 200);
    CHECK(response.contentType == "text/plain; charset=utf-8");
    return response.body;
}

} // namespace

TEST_CASE("api: ping and version", "[workers][api]") {
    CHECK(text("/ping") == "pong\n");
    CHECK(text("/version") == std::string{"api "} + MMSD_VERSION + "\n");
    CHECK(ask("/ping", "GET", {}).status == 200);
    CHECK(ask("/version", "GET", {}).status == 200);
}

TEST_CASE("api: apps, sorted, one a line", "[workers][api]") {
    CHECK(text("/v1/apps") == "/a/b\n/container\n/idle\n/none\n/zero\n");
    api::ApiState empty;
    empty.snapshot = test::snapshotOf(std::vector<protocol::App>{});
    CHECK(ask("/v1/apps", "GET", empty).status == 200);
    CHECK(ask("/v1/apps", "GET", empty).body.empty());
}

TEST_CASE("api: instances, sorted as numbers", "[workers][api]") {
    const std::string expected = "10.0.0.2:800\n10.0.0.2:9000\n10.0.0.9:9000\n10.0.0.10:31000\n"
                                 "[2001:db8::1]:1\n";
    for (const char* target :
         {"/v1/instances/a/b", "/v1/instances//a/b", "/v1/instances/%2Fa%2Fb",
          "/v1/instances/a%2fb", "/v1/instances/a/b?portIndex=0",
          "/v1/instances/a/b?portIndex=", "/v1/instances/a/b?portIndex=0:0",
          "/v1/instances/a/b?noresolve=0&withid=0", "/v1/instances/a/b?unknown=1"})
        CHECK(text(target) == expected);
}

TEST_CASE("api: instances of other port indices", "[workers][api]") {
    // One instance has no second port: it is left out, or 0 in a range.
    CHECK(text("/v1/instances/a/b?portIndex=1") ==
          "10.0.0.2:801\n10.0.0.2:9001\n10.0.0.10:31001\n[2001:db8::1]:2\n");
    const std::string both = "10.0.0.2:800:801\n10.0.0.2:9000:9001\n10.0.0.9:9000:0\n"
                             "10.0.0.10:31000:31001\n[2001:db8::1]:1:2\n";
    for (const char* range : {"0:1", "0:", ":1", ":", "0%3A1"})
        CHECK(text(std::string{"/v1/instances/a/b?portIndex="} + range) == both);
    CHECK(text("/v1/instances/a/b?portIndex=1:") == text("/v1/instances/a/b?portIndex=1"));
}

TEST_CASE("api: instances by host name and with agent hash", "[workers][api]") {
    CHECK(text("/v1/instances/a/b?noresolve=1") ==
          "10.0.0.10:31000\n10.0.0.2:800\n10.0.0.2:9000\nagent-nine:9000\nagent-six:1\n");
    CHECK(api::fnv1a32("") == 2166136261U);
    CHECK(api::fnv1a32("a") == 0xe40c292cU);
    CHECK(api::fnv1a32("foobar") == 0xbf9cf968U);
    const std::string hash = std::to_string(api::fnv1a32("agent-10.0.0.7"));
    CHECK(text("/v1/instances/container?withid=1") == hash + ":10.0.0.7:7000\n");
    CHECK(text("/v1/instances/container?withid=1&portIndex=1&noresolve=1") ==
          hash + ":172.16.0.5:8080\n");
}

TEST_CASE("api: ports of a range at another address get their own line", "[workers][api]") {
    CHECK(text("/v1/instances/container?portIndex=0:1") == "10.0.0.7:7000:0\n172.16.0.5:0:8080\n");
}

TEST_CASE("api: an instance without an address is left out, but has a name", "[workers][api]") {
    api::ApiState state;
    auto unresolved = instance("name", {80});
    state.snapshot = test::snapshotOf({app("/a", {80}, {unresolved})});
    CHECK(ask("/v1/instances/a", "GET", state).status == 204);
    CHECK(ask("/v1/instances/a?noresolve=1", "GET", state).body == "name:80\n");
}

TEST_CASE("api: known apps without serving instances", "[workers][api]") {
    for (const char* target : {"/v1/instances/idle", "/v1/instances/idle?portIndex=0:",
                               "/v1/instances/none", "/v1/instances/zero?portIndex=1"}) {
        CAPTURE(target);
        const HttpResponse response = ask(target);
        CHECK(response.status == 204);
        CHECK(response.body.empty());
        CHECK(response.contentType.empty());
    }
}

TEST_CASE("api: bad parameters are refused with a reason", "[workers][api]") {
    const auto reason = [](const std::string& query) {
        const HttpResponse response = ask("/v1/instances/a/b?" + query);
        CAPTURE(query);
        CHECK(response.status == 400);
        return response.body;
    };
    CHECK(reason("portIndex=2") == "portIndex: the app has port indices 0 to 1\n");
    CHECK(reason("portIndex=0:2") == "portIndex: the app has port indices 0 to 1\n");
    CHECK(reason("portIndex=2:") == "portIndex: the app has port indices 0 to 1\n");
    CHECK(reason("portIndex=1:0") == "portIndex: the range ends before it begins\n");
    for (const char* value : {"x", "-1", "+1", "1:2:3", "0-1", "0x1", "1%20", "a:", ":b", "1.0",
                              "99999999999999999999"})
        CHECK(reason(std::string{"portIndex="} + value) == "portIndex: expected N, A:B or A:\n");
    CHECK(reason("portIndex=0&portIndex=1") == "portIndex: given more than once\n");
    CHECK(reason("noresolve=yes") == "noresolve: expected 0 or 1\n");
    CHECK(reason("withid") == "withid: expected 0 or 1\n");
    CHECK(reason("a=%zz") == "malformed percent-encoding in the query\n");
    CHECK(ask("/v1/instances/none?portIndex=0").body == "portIndex: the app has no ports\n");
    CHECK(ask("/v1/instances/a%").status == 400);
    CHECK(ask("/v1/instances/a%00").status == 400);
}

TEST_CASE("api: service ports keep their places", "[workers][api]") {
    CHECK(text("/v1/service_ports/a/b") == "10000\n10001\n");
    CHECK(text("/v1/service_ports//zero") == "0\n80\n");
    CHECK(ask("/v1/service_ports/none").status == 204);
    CHECK(ask("/v1/service_ports/nobody").status == 404);
}

TEST_CASE("api: unknown apps and resources", "[workers][api]") {
    CHECK(ask("/v1/instances/nobody").status == 404);
    CHECK(ask("/v1/instances/nobody").body == "no such app: /nobody\n");
    CHECK(ask("/v1/instances/a%1b%5b").status == 400);
    CHECK(ask("/v1/instances/%c2%9b").body == "no such app: /\\xc2\\x9b\n");
    for (const char* target :
         {"/index.html", "/v1", "/v1/", "/ping/", "/PING", "/v1/apps/", "/v1/instances",
          "/v1/instances/", "/v1/instances//", "/v1/instancesx/a", "/v1/service_ports",
          "/v1/statusx", "/metricsx"}) {
        CAPTURE(target);
        CHECK(ask(target).status == 404);
        CHECK_FALSE(ask(target).body.empty());
    }
}

TEST_CASE("api: methods", "[workers][api]") {
    CHECK(ask("/v1/apps", "HEAD").status == 200);
    CHECK(ask("/v1/apps", "HEAD").body == ask("/v1/apps").body); // its length is the answer
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"}) {
        CAPTURE(method);
        const HttpResponse response = ask("/v1/apps", method);
        CHECK(response.status == 405);
        CHECK(response.allow == "GET, HEAD, OPTIONS");
    }
    for (const char* target : {"/v1/apps", "/v1/instances/nobody", "*"}) {
        const HttpResponse response = ask(target, "OPTIONS");
        CHECK(response.status == 204);
        CHECK(response.allow == "GET, HEAD, OPTIONS");
        CHECK(response.body.empty());
    }
    CHECK(ask("/nothing", "POST").status == 404);
    CHECK(ask("host:80", "CONNECT").status == 404);
}

TEST_CASE("api: before the first state", "[workers][api]") {
    for (const char* target : {"/v1/apps", "/v1/instances/a", "/v1/service_ports/a"}) {
        const HttpResponse response = ask(target, "GET", {});
        CHECK(response.status == 503);
        CHECK(response.retryAfter == std::chrono::seconds{1});
        CHECK_FALSE(response.body.empty());
    }
    CHECK(ask("/v1/instances/a?portIndex=0&portIndex=1", "GET", {}).status == 400);
    CHECK(ask("/v1/status", "GET", {}).status == 200);
}

TEST_CASE("api: lists as JSON", "[workers][api]") {
    const auto json = [](const std::string& target) {
        const HttpResponse response = askWith({.accept = "application/json"}, target);
        CAPTURE(target);
        CHECK(response.status == 200);
        CHECK(response.contentType == "application/json");
        return response.body;
    };
    CHECK(json("/v1/apps") == R"(["/a/b","/container","/idle","/none","/zero"])"
                              "\n");
    CHECK(json("/v1/service_ports/a/b") == "[10000,10001]\n");
    CHECK(json("/v1/instances/container") ==
          R"([{"host":"10.0.0.7","address":"10.0.0.7","ports":[7000],"task":"task-10.0.0.7",)"
          R"("agent":"agent-10.0.0.7"}])"
          "\n");
    CHECK(json("/v1/instances/container?portIndex=0:1&withid=1&noresolve=1") ==
          R"([{"host":"10.0.0.7","address":"10.0.0.7","ports":[7000,0],"task":"task-10.0.0.7",)"
          R"("agent":"agent-10.0.0.7","agent_hash":)" +
              std::to_string(api::fnv1a32("agent-10.0.0.7")) +
              R"(},{"host":"172.16.0.5","address":"172.16.0.5","ports":[0,8080],)"
              R"("task":"task-10.0.0.7","agent":"agent-10.0.0.7","agent_hash":)" +
              std::to_string(api::fnv1a32("agent-10.0.0.7")) + "}]\n");
    // The same statuses as for text, reasons in the form that was asked for.
    const api::HttpRequest wantsJson{.accept = "application/json"};
    CHECK(askWith(wantsJson, "/v1/instances/idle").status == 204);
    CHECK(askWith(wantsJson, "/v1/instances/nobody").status == 404);
    CHECK(askWith(wantsJson, "/v1/instances/nobody").body ==
          "{\"status\":404,\"error\":\"no such app: /nobody\"}\n");
    CHECK(askWith(wantsJson, "/v1/instances/a/b?portIndex=9").body ==
          "{\"status\":400,\"error\":\"portIndex: the app has port indices 0 to 1\"}\n");
    CHECK(askWith(wantsJson, "/v1/apps", {}).status == 503);
    // Where there is no choice, the only form is sent whatever was asked for.
    CHECK(askWith(wantsJson, "/ping").body == "pong\n");
    CHECK(askWith({.accept = "text/plain"}, "/v1/status").contentType == "application/json");
}

TEST_CASE("api: all forms ruled out", "[workers][api]") {
    const HttpResponse response = askWith({.accept = "*/*;q=0"}, "/v1/apps");
    CHECK(response.status == 406);
    CHECK(response.body == "offered here: text/plain application/json\n");
    CHECK(response.variesByAccept);
}

TEST_CASE("api: what has changed and what has not", "[workers][api]") {
    const HttpResponse first = ask("/v1/apps");
    CHECK(first.cacheControl == "no-cache");
    CHECK(first.variesByAccept);
    CHECK(first.fields == "Mmsd-Generation: 42\r\n");
    REQUIRE(first.entityTag.size() > 2);
    const auto again = [](const std::string& tag, const std::string& target,
                          const std::string& accept = "") {
        return askWith({.accept = accept, .ifNoneMatch = tag}, target);
    };
    const HttpResponse unchanged = again(first.entityTag, "/v1/apps");
    CHECK(unchanged.status == 304);
    CHECK(unchanged.entityTag == first.entityTag);
    CHECK(unchanged.variesByAccept);
    CHECK(unchanged.body.empty());
    CHECK(unchanged.contentType.empty());
    // Another form and another resource are other contents.
    CHECK(again(first.entityTag, "/v1/apps", "application/json").status == 200);
    CHECK(again(first.entityTag, "/v1/instances/a/b").status == 200);
    // Neither a failure nor an instant answer is conditional.
    const HttpResponse missing = ask("/v1/instances/nobody");
    REQUIRE_FALSE(missing.entityTag.empty());
    CHECK(again(missing.entityTag, "/v1/instances/nobody").status == 404);
    CHECK(again("*", "/v1/status").status == 200);
    CHECK(ask("/v1/status").entityTag.empty());
    CHECK(ask("/v1/status").cacheControl == "no-store");
    CHECK(ask("/v1/instances/a/b?portIndex=x").entityTag.empty());

    // A change elsewhere moves the generation, not the tag.
    api::ApiState other = sampleState();
    auto next = std::make_shared<protocol::Snapshot>(*other.snapshot);
    next->generation = 43;
    next->apps.erase(next->apps.begin()); // "/a/b"
    const std::string idle = ask("/v1/instances/idle").entityTag;
    const std::string container = ask("/v1/instances/container").entityTag;
    other.snapshot = next;
    CHECK(ask("/v1/instances/idle", "GET", other).entityTag == idle);
    CHECK(ask("/v1/instances/container", "GET", other).entityTag == container);
    CHECK(ask("/v1/apps", "GET", other).entityTag != first.entityTag);
    CHECK(ask("/v1/apps", "GET", other).fields == "Mmsd-Generation: 43\r\n");
}

TEST_CASE("api: wait", "[workers][api]") {
    const auto waitOf = [](const std::string& target) {
        const auto understood = api::understand({.method = "GET",
                                                 .path = target.substr(0, target.find('?')),
                                                 .query = target.substr(target.find('?') + 1)});
        REQUIRE(std::holds_alternative<api::Inquiry>(understood));
        const auto& inquiry = std::get<api::Inquiry>(understood);
        return std::pair{inquiry.wait, inquiry.query.size()};
    };
    using std::chrono::milliseconds;
    using Waits = std::pair<std::optional<milliseconds>, std::size_t>;
    CHECK(waitOf("/v1/apps?") == Waits{std::nullopt, 0});
    CHECK(waitOf("/v1/apps?wait=1.5s") == Waits{1'500, 0});
    CHECK(waitOf("/v1/instances/a?portIndex=1&wait=0&x=y") == Waits{std::nullopt, 2});
    CHECK(waitOf("/v1/apps?wait=1000h") == Waits{api::kMaxWait, 0});
    CHECK(waitOf("/v1/status?wait=never") == Waits{std::nullopt, 1}); // is always another one
    for (const char* query :
         {"wait", "wait=", "wait=30", "wait=-1s", "wait=x", "wait=1s&wait=1s"}) {
        CAPTURE(query);
        CHECK(ask(std::string{"/v1/apps?"} + query).status == 400);
    }
    CHECK(ask("/v1/apps?wait=x").body == "wait: expected a duration like 30s\n");
}
