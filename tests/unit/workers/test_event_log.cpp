// SPDX-License-Identifier: MIT
// Tests of what differs between snapshots, and how that is told as events.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/event_log.h"
#include "workers/api-server/state_changes.h"

#include <chrono>
#include <string>
#include <vector>

using namespace mmsd;
using api::EventLog;
using test::app;
using test::instance;
using test::share;
using test::SnapshotPointer;

namespace {

constexpr api::ApiTime kNow{std::chrono::microseconds{5}, std::chrono::microseconds{2'500'000}};

/** "app[!]: +added -removed ~changed" per change; '!' = the app itself. */
std::vector<std::string> told(const SnapshotPointer& before, const SnapshotPointer& after) {
    std::vector<std::string> texts;
    for (const api::AppChange& change : api::compareSnapshots(before.get(), *after)) {
        std::string text = change.app().id + (change.isAppChanged ? "!" : "");
        for (const api::InstanceChange& each : change.instances)
            text += " " + (each.before == nullptr  ? "+" + each.after->host
                           : each.after == nullptr ? "-" + each.before->host
                                                   : "~" + each.after->host);
        texts.push_back(text);
    }
    return texts;
}

/** The ids of all apps that a text has events of. */
std::string all(const std::vector<api::SharedText>& texts) {
    std::string joined;
    for (const api::SharedText& text : texts)
        joined += *text;
    return joined;
}

/** A log of generations 10 to 13: "/a" gains an instance, "/b" goes, "/a/x" comes. */
struct Scene {
    test::AppPointer one = share(app("/a", {80}, {instance("h1", {1})}));
    test::AppPointer two = share(app("/a", {80}, {instance("h1", {1}), instance("h2", {2})}));
    test::AppPointer other = share(app("/b", {81}));
    test::AppPointer below = share(app("/a/x", {82}));
    std::vector<SnapshotPointer> states{
        test::snapshotOf({one, other}, 10), test::snapshotOf({two, other}, 11),
        test::snapshotOf({two}, 12), test::snapshotOf({two, below}, 13)};
    EventLog log{"e"};

    Scene() {
        log.begin(10);
        for (std::size_t i = 1; i < states.size(); ++i)
            log.record(api::compareSnapshots(states[i - 1].get(), *states[i]), *states[i], kNow);
    }
};

} // namespace

TEST_CASE("state changes: what came, went and changed", "[workers][events]") {
    auto sick = instance("h2", {2});
    sick.serving = protocol::Serving::Unhealthy;
    const auto same = share(app("/same", {1}, {instance("s", {1})}));
    const auto before = test::snapshotOf(
        {share(app("/a", {80}, {instance("h1", {1}), instance("h2", {2}), instance("h3", {3})})),
         share(app("/gone", {80}, {instance("g", {1})})), same});
    const auto after = test::snapshotOf(
        {share(app("/a", {80}, {instance("h1", {1}), sick, instance("h4", {4})})),
         share(app("/new", {80}, {instance("n", {1})})), same, share(app("/zero", {}))});
    CHECK(told(before, after) ==
          std::vector<std::string>{"/a ~h2 +h4 -h3", "/gone! -g", "/new! +n", "/zero!"});
    CHECK(told(after, after).empty());
    CHECK(told(nullptr, before) ==
          std::vector<std::string>{"/a! +h1 +h2 +h3", "/gone! +g", "/same! +s"});
    const auto counts = api::count(api::compareSnapshots(before.get(), *after));
    CHECK(counts.apps == 4);
    CHECK(counts.added == 2);
    CHECK(counts.removed == 2);
    CHECK(counts.changed == 1);
    // Another object with the same content is no change.
    const auto copy = test::snapshotOf({share(protocol::App{*same})});
    CHECK(told(test::snapshotOf({same}), copy).empty());
    CHECK(told(test::snapshotOf({share(app("/a", {80}))}),
               test::snapshotOf({share(app("/a", {81}))})) == std::vector<std::string>{"/a!"});
}

TEST_CASE("state changes: time since the watcher knew", "[workers][events]") {
    protocol::Snapshot snapshot;
    snapshot.begin.observedAtUs = 2'000'000;
    CHECK(api::observedAge(snapshot, kNow).count() == 0.5);
    snapshot.begin.observedAtUs = 0; // not known
    CHECK(api::observedAge(snapshot, kNow).count() == 0);
    snapshot.begin.observedAtUs = 3'000'000; // the clock was set back
    CHECK(api::observedAge(snapshot, kNow).count() == 0);
}

TEST_CASE("events: the text of a generation", "[workers][events]") {
    auto sick = instance("h2", {2});
    sick.serving = protocol::Serving::Unhealthy;
    sick.health = protocol::Health::Unhealthy;
    const auto before =
        test::snapshotOf({share(app("/a", {80}, {instance("h2", {2}), instance("h3", {3, 4})}))});
    protocol::Snapshot after;
    after.generation = 7;
    after.begin.cause = "status_update_event /a\nid: 99";
    after.begin.observedAtUs = 2'000'000;
    after.apps = {share(app("/a", {81}, {sick}, "v2"))};
    EventLog log{"epoch"};
    log.begin(6);
    const auto changes = api::compareSnapshots(before.get(), after);
    CHECK(*log.record(changes, after, kNow).textFor("") ==
          R"(event: app
data: {"generation":7,"app":"/a","change":"changed","version":"v2","instances":1}

event: instance
data: {"generation":7,"app":"/a","change":"changed","task":"task-h2","agent":"agent-h2","host":"h2","ports":[2],"serving":false,"reason":"unhealthy","state":"TASK_RUNNING","health":"unhealthy","before":{"serving":true,"reason":"yes","state":"TASK_RUNNING","health":"no_checks"}}

event: instance
data: {"generation":7,"app":"/a","change":"removed","task":"task-h3","agent":"agent-h3","host":"h3","ports":[3,4],"serving":true,"reason":"yes","state":"TASK_RUNNING","health":"no_checks"}

event: generation
id: 7-epoch
data: {"generation":7,"cause":"status_update_event /a\nid: 99","observed_at_us":2000000,"delay_seconds":0.5,"apps":1,"instances_added":0,"instances_removed":1,"instances_changed":1}

)");
    CHECK(log.lastId() == "7-epoch");
}

TEST_CASE("events: prefixes are paths", "[workers][events]") {
    for (const char* prefix : {"", "/", "/a", "a", "a/", "/a/b", "//a"})
        CHECK(api::isBelow("/a/b", prefix));
    for (const char* prefix : {"/a/b/c", "/b", "/a/", "/", "x"})
        CHECK_FALSE(api::isBelow("/ab", std::string{prefix} == "/" ? "/a" : prefix));
}

TEST_CASE("events: resumed after any event", "[workers][events]") {
    const Scene scene;
    const auto since = [&](const std::string& id, const std::string& prefix = "") {
        const auto texts = scene.log.since(id, prefix);
        REQUIRE(texts);
        return all(*texts);
    };
    CHECK(scene.log.since("13-e", "")->empty());
    CHECK(scene.log.since("10-e", "")->size() == 3);
    CHECK(since("12-e").find("\"/a/x\"") != std::string::npos);
    CHECK(since("12-e").find("\"/b\"") == std::string::npos);
    CHECK(since("11-e").find("id: 12-e\n") < since("11-e").find("id: 13-e\n"));
    CHECK(scene.log.since("10-e", "/a")->size() == 2);
    CHECK(since("10-e", "/b").find("\"app\":\"/a") == std::string::npos);
    CHECK(since("10-e", "/b").find("id: 12-e\n") != std::string::npos);
    CHECK(scene.log.since("10-e", "/nothing")->empty());
    // Of another run, of the future, of before, and what is no id at all.
    for (const char* id : {"12-other", "14-e", "9-e", "12", "12-", "-e", "", "x-e", "12-e ", "-1-e",
                           "99999999999999999999-e"}) {
        CAPTURE(id);
        CHECK_FALSE(scene.log.since(id, ""));
    }
    CHECK_FALSE(EventLog{"e"}.since("0-e", ""));
    CHECK(*scene.log.resetText("why") ==
          "event: reset\nid: 13-e\ndata: {\"generation\":13,\"reason\":\"why\"}\n\n");
}

TEST_CASE("events: what is kept is bounded", "[workers][events]") {
    const auto empty = test::snapshotOf(std::vector<test::AppPointer>{}, 1);
    std::vector<protocol::Instance> many;
    for (int i = 0; i < 400; ++i)
        many.push_back(instance("h" + std::to_string(i), {1}));
    EventLog log{"e"};
    log.begin(1);
    std::uint64_t generation = 1;
    SnapshotPointer before = empty;
    std::size_t octets = 0;
    while (log.since("1-e", "/quiet")) { // until it is too long ago
        REQUIRE(generation < 1'000);
        ++generation;
        const auto after = generation % 2 == 0
                               ? test::snapshotOf({share(app("/a", {80}, many))}, generation)
                               : test::snapshotOf(std::vector<test::AppPointer>{}, generation);
        octets += log.record(api::compareSnapshots(before.get(), *after), *after, kNow).octets();
        before = after;
    }
    CHECK(octets > EventLog::kMaxOctets);
    CHECK(octets < 2 * EventLog::kMaxOctets);
    CHECK(log.since("2-e", "/quiet"));
    CHECK_FALSE(log.since("2-e", "")); // more than anyone wants to read
    CHECK(log.since(std::to_string(generation - 1) + "-e", ""));
}

TEST_CASE("events: too much at once is a reset", "[workers][events]") {
    std::vector<test::AppPointer> apps;
    for (int i = 0; i < 5'000; ++i)
        apps.push_back(share(app("/app-" + std::to_string(i), {80})));
    const auto after = test::snapshotOf(apps, 2);
    EventLog log{"e"};
    log.begin(1);
    const auto& events = log.record(api::compareSnapshots(nullptr, *after), *after, kNow);
    for (const char* prefix : {"", "/app-1", "/other"})
        CHECK(*events.textFor(prefix) == "event: reset\nid: 2-e\ndata: {\"generation\":2,"
                                         "\"reason\":\"too much changed at once\"}\n\n");
}

TEST_CASE("events: a generation without changes", "[workers][events]") {
    const auto state = test::snapshotOf({share(app("/a", {80}))}, 2);
    EventLog log{"e"};
    log.begin(1);
    const auto& events = log.record({}, *state, kNow);
    CHECK(events.textFor("/a") == nullptr);
    CHECK(events.textFor("")->starts_with("event: generation\nid: 2-e\n"));
}
