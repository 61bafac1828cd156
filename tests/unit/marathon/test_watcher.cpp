// SPDX-License-Identifier: MIT
// Tests of the watcher: stream, answers, events, masters.
#include "tests/unit/marathon/watcher_scene.h"

namespace mmsd::marathon {

namespace {

using std::chrono::seconds;
using test::appJson;
using Scene = WatcherScene;

} // namespace

TEST_CASE("watcher: stream first, state second", "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    CHECK(scene.api.requests.empty());
    scene.api.stream->onStreamOpen("http://m:1");
    CHECK(scene.api.requests.size() == 1);
    CHECK(scene.statuses.size() == 1);
    CHECK(scene.statuses[0].state == protocol::SourceState::Connecting);
    scene.api.answer("", list({appJson("/a", 2)}));
    scene.settle();
    CHECK(scene.sent() == 1);
    CHECK(scene.synchronizations == 1);
    CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
    CHECK(scene.statuses.back().text == "http://m:1");
}

TEST_CASE("watcher: an event costs one fetch of one app", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1), appJson("/b", 1)}));
    scene.dirty("/a");
    REQUIRE(scene.api.requests.size() == 1);
    scene.api.answer("/a", single(appJson("/a", 2)));
    scene.settle();
    REQUIRE(scene.sent() == 2);
    CHECK(scene.outlet.snapshots.back()->begin.cause == "status_update_event /a");
    CHECK(scene.outlet.snapshots.back()->apps.at(0)->instances.size() == 2);
    CHECK(scene.watcher.counters().events.at("status_update_event") == 1);
}

TEST_CASE("watcher: Marathon's 404 means gone", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.event(R"({"eventType":"app_terminated_event","appId":"/a"})");
    scene.api.refuse("/a", MarathonApi::Answer::Kind::NotFound);
    scene.settle();
    CHECK(scene.outlet.snapshots.back()->apps.empty());
    scene.timers.advance(seconds{1});
    scene.dirty("/pod"); // pods send such events, too
    scene.api.refuse("/pod", MarathonApi::Answer::Kind::NotFound);
    CHECK(scene.watcher.counters().requests.at({"app", "gone"}) == 2);
}

TEST_CASE("watcher: what is not a whole answer leaves the state", "[marathon][watcher]") {
    const auto* const body = GENERATE("", "{", R"({"apps":[{"id":"/b"}])", R"({"message":"x"})",
                                      "<html>", R"({"apps":null})", R"({"apps":[{"id":}]})", "[]");
    CAPTURE(body);
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.watcher.resync("test");
    scene.api.answer("", body);
    scene.settle();
    CHECK(scene.sent() == 1);
    CHECK(scene.keeper.store().size() == 1);
    scene.timers.advance(seconds{1}); // and it is asked for again
    scene.api.answer("", list({appJson("/a", 3)}));
    scene.settle();
    CHECK(scene.sent() == 2);
}

TEST_CASE("watcher: an app's answer must be that app's", "[marathon][watcher]") {
    const auto* const body = GENERATE("", "{}", R"({"app":{}})", R"({"app":{"id":"/b"}})",
                                      R"({"app":null})", R"({"app":{"id":"/a"})");
    CAPTURE(body);
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.dirty("/a");
    scene.api.answer("/a", body);
    scene.settle();
    CHECK(scene.sent() == 1);
    scene.timers.advance(seconds{1});
    scene.api.answer("/a", single(appJson("/a", 2)));
    scene.settle();
    CHECK(scene.sent() == 2);
}

TEST_CASE("watcher: a scheduler that registers causes a full fetch", "[marathon][watcher]") {
    Scene scene;
    scene.connect();
    scene.event(R"({"eventType":"scheduler_reregistered_event"})");
    CHECK(scene.api.take("").appId.empty());
}

TEST_CASE("watcher: malformed and oversized events cause a full fetch", "[marathon][watcher]") {
    Scene scene;
    scene.connect();
    scene.timers.advance(seconds{10});
    scene.event("{broken");
    CHECK(scene.watcher.counters().malformedEvents == 1);
    scene.timers.advance(FetchPlan::kSoonSpacing);
    scene.api.answer("", list({}));
    scene.timers.advance(FetchPlan::kSoonSpacing);
    for (int i = 0; i < 17; ++i)
        scene.api.stream->onStreamData(std::string(1u << 20, 'x'));
    scene.api.stream->onStreamData("\r\n\r\n");
    scene.timers.advance(seconds{1});
    scene.api.answer("", list({}));
}

TEST_CASE("watcher: resyncs now and then, whatever the events say", "[marathon][watcher]") {
    Scene scene;
    scene.connect();
    scene.timers.advance(seconds{53});
    CHECK(scene.api.requests.empty());
    scene.timers.advance(seconds{13});
    scene.api.answer("", list({appJson("/a", 1)}));
    scene.settle();
    CHECK(scene.sent() == 2); // the empty first state, and this one
    scene.timers.advance(seconds{67});
    CHECK(scene.api.requests.size() == 1);
}

TEST_CASE("watcher: reconnects within the delay, and resyncs", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.timers.advance(seconds{20});
    scene.api.close();
    CHECK(scene.statuses.back().state == protocol::SourceState::Connecting);
    scene.timers.advance(seconds{4});
    REQUIRE(scene.api.stream != nullptr);
    CHECK(scene.api.requests.empty());
    scene.api.stream->onStreamOpen("http://m:1");
    scene.api.answer("", list({appJson("/a", 2)}));
    scene.settle();
    CHECK(scene.sent() == 2);
    CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
}

TEST_CASE("watcher: a stream that closes at once does not spin", "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    for (int i = 0; i < 200; ++i) {
        scene.api.stream->onStreamOpen("http://m:1");
        scene.api.close("closed by Marathon", true);
        while (scene.api.stream == nullptr)
            REQUIRE(scene.timers.fireNext());
    }
    // 4 s doubling to 60 s, half of it at least: 200 tries take more than 195 × 30 s.
    CHECK(scene.timers.now().time_since_epoch() > seconds{195 * 30});
    CHECK(scene.sent() == 0);
}

TEST_CASE("watcher: an unreachable Marathon changes nothing", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.timers.advance(seconds{20});
    scene.api.close();
    for (int i = 0; i < 10; ++i) {
        while (scene.api.stream == nullptr)
            REQUIRE(scene.timers.fireNext());
        scene.api.close("connection refused");
    }
    CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
    CHECK(scene.sent() == 1);
}

TEST_CASE("watcher: tries the other masters at once and sticks to one that works",
          "[marathon][watcher]") {
    Scene scene;
    scene.api.masters = 3;
    scene.watcher.start();
    scene.api.close("connection refused");
    CHECK(scene.api.master == 1);
    scene.settle();
    REQUIRE(scene.api.stream != nullptr);
    CHECK(scene.statuses.back().state == protocol::SourceState::Connecting);
    scene.api.close("connection refused");
    scene.settle();
    scene.api.stream->onStreamOpen("http://m3:1");
    CHECK(scene.api.master == 2);
    scene.api.answer("", list({}));
    scene.timers.advance(seconds{20});
    scene.api.close("closed by Marathon", true);
    CHECK(scene.api.master == 2);
    scene.timers.advance(seconds{4});
    for (int i = 0; i < 3; ++i) {
        REQUIRE(scene.api.stream != nullptr);
        scene.api.close("connection refused");
        scene.settle();
    }
    CHECK(scene.api.master == 2); // once round
    CHECK(scene.api.stream == nullptr);
    CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
}

TEST_CASE("watcher: leaves a master that streams but does not answer", "[marathon][watcher]") {
    Scene scene;
    scene.api.masters = 2;
    scene.watcher.start();
    scene.api.stream->onStreamOpen("http://m1:1");
    scene.api.refuse("");
    scene.timers.advance(seconds{1});
    scene.api.refuse("");
    CHECK(scene.api.master == 0);
    scene.timers.advance(seconds{1});
    scene.api.refuse("");
    CHECK(scene.api.master == 1);
    scene.settle();
    CHECK(scene.api.streamsOpened == 2);
}

TEST_CASE("watcher: polls a server that has no event stream", "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    scene.api.close("status 404", true);
    scene.api.answer("", list({appJson("/a", 1)}));
    scene.settle();
    CHECK(scene.sent() == 1);
    while (scene.api.stream == nullptr)
        REQUIRE(scene.timers.fireNext());
    scene.api.close("status 404", true);
    CHECK(scene.api.requests.empty()); // not more often than the resync interval
}

} // namespace mmsd::marathon
