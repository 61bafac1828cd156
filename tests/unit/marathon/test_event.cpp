// SPDX-License-Identifier: MIT
// Tests of events: which apps each kind makes dirty.
#include "daemon/marathon/event.h"
#include "daemon/marathon/json.h"
#include "tests/support/catch.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

using Ids = std::vector<std::string>;

Event one(const std::string& json) {
    const auto events = parseEvents(json);
    REQUIRE(events.size() == 1);
    return events[0];
}

void checkApps(const std::string& json, const Ids& ids) {
    CAPTURE(json);
    const Event event = one(json);
    CHECK(event.effect == EventEffect::Apps);
    CHECK(event.appIds == ids);
}

void checkEffect(const std::string& json, EventEffect effect) {
    CAPTURE(json);
    const Event event = one(json);
    CHECK(event.effect == effect);
    CHECK(event.appIds.empty());
}

} // namespace

TEST_CASE("event: tasks, instances and health make their app dirty", "[marathon][event]") {
    checkApps(R"({"eventType":"status_update_event","appId":"/a/b","taskStatus":"TASK_RUNNING"})",
              {"/a/b"});
    // <= 1.3 and >= 1.4
    checkApps(
        R"({"eventType":"health_status_changed_event","appId":"/a","taskId":"t","alive":true})",
        {"/a"});
    checkApps(
        R"({"appId":"/a","instanceId":"i","alive":false,"eventType":"health_status_changed_event"})",
        {"/a"});
    checkApps(R"({"eventType":"instance_health_changed_event","runSpecId":"/a","healthy":null})",
              {"/a"});
    checkApps(R"({"eventType":"instance_changed_event","runSpecId":"/a","condition":"Running"})",
              {"/a"});
    checkApps(R"({"eventType":"unhealthy_task_kill_event","appId":"/a"})", {"/a"});
    checkApps(R"({"eventType":"unhealthy_instance_kill_event","appId":"/a","instanceId":"i"})",
              {"/a"});
    checkApps(R"({"eventType":"app_terminated_event","appId":"/a"})", {"/a"});
    checkApps(R"({"eventType":"status_update_event","appId":"a"})", {"/a"});
}

TEST_CASE("event: definitions and deployments", "[marathon][event]") {
    checkApps(R"({"eventType":"api_post_event","uri":"/v2/apps//x","appDefinition":{"id":"/x"}})",
              {"/x"});
    // >= 1.1.2, <= 1.1.1, lists of lists, pods, the same app twice
    checkApps(R"({"eventType":"deployment_success","id":"d","plan":{"steps":[
        {"actions":[{"action":"ScaleApplication","app":"/a"},{"action":"StartPod","pod":"/p"}]},
        {"actions":[{"type":"StopApplication","app":"/b"},{"action":"x","app":"/a"}]},
        [{"type":"StartApplication","app":"/c"}]]}})",
              {"/a", "/p", "/b", "/c"});
    checkApps(R"({"eventType":"deployment_failed","plan":{"steps":[{"actions":[{"app":"/a"}]}]}})",
              {"/a"});
    checkEffect(R"({"eventType":"deployment_success","plan":{"steps":[]}})", EventEffect::None);
    checkEffect(R"({"eventType":"deployment_success","id":"d"})", EventEffect::EverythingSoon);
    checkEffect(R"({"eventType":"group_change_success","groupId":"/g"})",
                EventEffect::EverythingSoon);
}

TEST_CASE("event: pods are named by the address of the request, if at all", "[marathon][event]") {
    for (const char* const uri : {"/v2/pods/a/b", "/v2/pods//a/b",
                                  "/service/m/v2/pods/a/b?force=true", "/v2/pods/a/b::status"})
        checkApps(R"({"eventType":"pod_updated_event","clientIp":"::1","uri":")" +
                      std::string{uri} + "\"}",
                  {"/a/b"});
    checkApps(R"({"eventType":"pod_deleted_event","uri":"/v2/pods/a"})", {"/a"});
    for (const char* const uri : {"/v2/pods", "/v2/pods/", "/", "", "/v2/pods//", "/v2/pods/../x"})
        checkEffect(R"({"eventType":"pod_created_event","uri":")" + std::string{uri} + "\"}",
                    EventEffect::EverythingSoon);
    checkEffect(R"({"eventType":"pod_created_event"})", EventEffect::EverythingSoon);
}

TEST_CASE("event: a scheduler that registers makes everything dirty", "[marathon][event]") {
    checkEffect(R"({"eventType":"scheduler_registered_event","frameworkId":"f"})",
                EventEffect::Everything);
    checkEffect(R"({"eventType":"scheduler_reregistered_event"})", EventEffect::Everything);
}

TEST_CASE("event: the others change nothing", "[marathon][event]") {
    for (const char* type :
         {"scheduler_disconnected_event", "deployment_info", "deployment_step_success",
          "deployment_step_failure", "group_change_failed", "failed_health_check_event",
          "add_health_check_event", "remove_health_check_event", "unknown_task_terminated_event",
          "unknown_instance_terminated_event", "framework_message_event", "event_stream_attached",
          "event_stream_detached", "subscribe_event", "unsubscribe_event"}) {
        const std::string json = R"({"appId":"/a","runSpecId":"/a","eventType":")" +
                                 std::string{type} +
                                 R"(","plan":{"steps":[{"actions":[{"app":"/a"}]}]}})";
        checkEffect(json, EventEffect::None);
        CHECK(one(json).type == type);
    }
}

TEST_CASE("event: unknown types have one name", "[marathon][event]") {
    CHECK(one(R"({"eventType":"brand_new_event","appId":"/a"})").type == "other");
    CHECK(one("{}").type == "other");
    CHECK(one(R"({"eventType":7})").type == "other");
    CHECK(one("[]").effect == EventEffect::None);
    CHECK(one("7").effect == EventEffect::None);
}

TEST_CASE("event: a wrong type spoils that event only", "[marathon][event]") {
    for (const char* id : {"7", "null", "[]", R"("")", R"("/a/../b")", R"("/a b")"})
        checkEffect(R"({"eventType":"status_update_event","appId":)" + std::string{id} + "}",
                    EventEffect::None);
    checkEffect(R"({"eventType":"api_post_event","appDefinition":"x"})", EventEffect::None);
    checkApps(R"({"eventType":"deployment_success","plan":{"steps":[7,{"actions":"x"},
        {"actions":[null,{"app":5},{"app":"/a"}]}]}})",
              {"/a"});
}

TEST_CASE("event: several documents in one event count one by one", "[marathon][event]") {
    const auto events = parseEvents(
        R"({}{"eventType":"status_update_event","appId":"/a"} {"eventType":"app_terminated_event","appId":"/b"})");
    REQUIRE(events.size() == 3);
    CHECK(events[0].effect == EventEffect::None);
    CHECK(events[1].appIds == Ids{"/a"});
    CHECK(events[2].appIds == Ids{"/b"});
    CHECK(parseEvents("").empty());
    CHECK(parseEvents(" \r\n").empty());
}

TEST_CASE("event: what is no JSON is an error", "[marathon][event]") {
    CHECK_THROWS_AS(parseEvents("{"), JsonError);
    CHECK_THROWS_AS(parseEvents(R"({"eventType":"status_update_event","appId":"/a"}x)"), JsonError);
}

TEST_CASE("event: the stream is asked for what has an effect", "[marathon][event]") {
    const auto wanted = wantedEventTypes();
    CHECK(std::ranges::find(wanted, "status_update_event") != wanted.end());
    CHECK(std::ranges::find(wanted, "scheduler_reregistered_event") != wanted.end());
    CHECK(std::ranges::find(wanted, "deployment_info") == wanted.end());
    CHECK(wanted.size() == 16);
}

} // namespace mmsd::marathon
