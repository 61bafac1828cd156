// SPDX-License-Identifier: MIT
// Tests of the watcher: pods beside the apps.
#include "tests/unit/marathon/watcher_scene.h"

namespace mmsd::marathon {

namespace {

using std::chrono::seconds;
using test::appJson;
using test::podJson;
using Scene = WatcherScene;

} // namespace

TEST_CASE("watcher: pods come with the apps", "[marathon][watcher]") {
    Scene scene;
    scene.api.hasPods = true;
    scene.watcher.start();
    scene.api.stream->onStreamOpen("http://m:1");
    scene.api.answer("", list({appJson("/a", 1)}));
    scene.settle();
    CHECK(scene.sent() == 0); // not before both are known
    scene.api.answer("pods", "[" + podJson("/pod", 2) + "," + podJson("/a", 3) + "]");
    scene.settle();
    REQUIRE(scene.sent() == 1);
    const auto& apps = scene.outlet.snapshots.back()->apps;
    REQUIRE(apps.size() == 2);
    CHECK(apps[0]->instances.size() == 1); // an app goes before a pod of the same id
    CHECK(apps[1]->id == "/pod");
    CHECK(apps[1]->instances.size() == 2);
    CHECK(scene.keeper.unusable().size() == 1);

    scene.dirty("/pod"); // known as a pod
    scene.api.answer("pod /pod", podJson("/pod", 1));
    scene.settle();
    CHECK(scene.outlet.snapshots.back()->apps.at(1)->instances.size() == 1);
    scene.timers.advance(seconds{1});
    scene.dirty("/pod");
    scene.api.refuse("pod /pod", MarathonApi::Answer::Kind::NotFound);
    scene.api.refuse("/pod", MarathonApi::Answer::Kind::NotFound); // nor is it an app now
    scene.settle();
    CHECK(scene.outlet.snapshots.back()->apps.size() == 1);
}

TEST_CASE("watcher: an id that is not known may be a pod's", "[marathon][watcher]") {
    Scene scene;
    scene.api.hasPods = true;
    scene.watcher.start();
    scene.api.stream->onStreamOpen("http://m:1");
    scene.api.answer("", list({}));
    scene.api.answer("pods", "[]");
    scene.settle();
    scene.event(R"({"eventType":"pod_updated_event","uri":"/v2/pods//new"})");
    scene.api.refuse("/new", MarathonApi::Answer::Kind::NotFound);
    scene.api.answer("pod /new", podJson("/new", 1));
    scene.settle();
    CHECK(scene.outlet.snapshots.back()->apps.at(0)->id == "/new");
    scene.timers.advance(seconds{1});
    scene.dirty("/gone");
    scene.api.refuse("/gone", MarathonApi::Answer::Kind::NotFound);
    scene.api.answer("pod /gone", "{}"); // which is no answer about it
    CHECK(scene.watcher.counters().failures.at({"pod", "malformed"}) == 1);
}

TEST_CASE("watcher: without pods, they are asked for once per stream", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.watcher.resync("test");
    scene.api.answer("", list({appJson("/a", 1)}));
    CHECK(scene.watcher.counters().requests.at({"pods", "none"}) == 1);
    scene.dirty("/b");
    scene.api.refuse("/b", MarathonApi::Answer::Kind::NotFound);
    CHECK(scene.api.requests.empty());
}

TEST_CASE("watcher: pods that cannot be told of stay, and stop nothing", "[marathon][watcher]") {
    Scene scene;
    scene.api.hasPods = true;
    scene.watcher.start();
    scene.api.stream->onStreamOpen("http://m:1");
    scene.api.answer("", list({appJson("/a", 1)}));
    scene.api.answer("pods", "[" + podJson("/pod", 2) + "]");
    scene.settle();
    const auto* const body = GENERATE("refuse", "{}", "[", "<html>", "");
    CAPTURE(body);
    scene.timers.advance(FetchPlan::kSoonSpacing);
    scene.watcher.resync("test");
    scene.api.answer("", list({appJson("/a", 2)}));
    if (body == std::string{"refuse"})
        scene.api.refuse("pods");
    else
        scene.api.answer("pods", body);
    scene.settle();
    const auto& apps = scene.outlet.snapshots.back()->apps;
    REQUIRE(apps.size() == 2);
    CHECK(apps[0]->instances.size() == 2);
    CHECK(apps[1]->instances.size() == 2);
    scene.timers.advance(FetchPlan::kSoonSpacing); // soon asked again
    scene.api.answer("", list({appJson("/a", 2)}));
    scene.api.answer("pods", "[]");
    scene.settle();
    CHECK(scene.outlet.snapshots.back()->apps.size() == 1);
}

} // namespace mmsd::marathon
