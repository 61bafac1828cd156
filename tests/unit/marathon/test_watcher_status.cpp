// SPDX-License-Identifier: MIT
// Tests of the watcher: what it says of itself, of drift and of failures.
#include "tests/unit/marathon/watcher_scene.h"

namespace mmsd::marathon {

namespace {

using std::chrono::seconds;
using test::appJson;
using Scene = WatcherScene;

} // namespace

TEST_CASE("watcher: drift is what a resync finds and no event told of", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1), appJson("/b", 1), appJson("/c", 1), appJson("/d", 1)}));
    CHECK(scene.watcher.counters().driftedApps == 0); // everything was new
    scene.watcher.resync("test");
    scene.dirty("/d"); // being fetched by itself
    scene.api.answer("", list({appJson("/a", 2), appJson("/b", 2), appJson("/d", 2)}));
    scene.timers.advance(seconds{1});
    scene.dirty("/b"); // late, yet told
    scene.timers.advance(seconds{4});
    CHECK(scene.watcher.counters().driftedApps == 2); // /a changed, /c is gone
    CHECK(scene.watcher.counters().resyncs == 2);
}

TEST_CASE("watcher: what a fetch after a gap finds is no drift", "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    SECTION("a new stream") {
        scene.timers.advance(seconds{20});
        scene.api.close();
        scene.timers.advance(seconds{4});
        scene.api.stream->onStreamOpen("http://m:1");
    }
    SECTION("an event that names no app") {
        scene.timers.advance(FetchPlan::kSoonSpacing);
        scene.event(R"({"eventType":"group_change_success","groupId":"/"})");
        scene.timers.advance(seconds{1});
    }
    scene.api.answer("", list({appJson("/a", 2)}));
    scene.timers.advance(seconds{10});
    CHECK(scene.watcher.counters().driftedApps == 0);
}

TEST_CASE("watcher: counts requests and errors by kind", "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    CHECK_FALSE(scene.watcher.counters().lastStreamByte);
    scene.api.close("connection refused");
    while (scene.api.stream == nullptr)
        REQUIRE(scene.timers.fireNext());
    scene.api.stream->onStreamOpen("http://m:1");
    CHECK(scene.watcher.counters().lastStreamByte);
    scene.api.refuse("");
    scene.timers.advance(seconds{1});
    scene.api.answer("", "[]");
    scene.timers.advance(seconds{1});
    scene.api.answer("", list({}));
    using Pairs = SourceCounters::Pairs;
    CHECK(scene.watcher.counters().requests == Pairs{{{"stream", "failed"}, 1},
                                                     {{"stream", "ok"}, 1},
                                                     {{"apps", "failed"}, 1},
                                                     {{"apps", "rejected"}, 1},
                                                     {{"apps", "ok"}, 1},
                                                     {{"pods", "none"}, 1}});
    CHECK(scene.watcher.counters().failures ==
          Pairs{{{"stream", "connect"}, 1}, {{"apps", "status"}, 1}, {{"apps", "malformed"}, 1}});
}

TEST_CASE("watcher: says so when nothing can be had of any master", "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    SECTION("no stream, no state") {
        scene.api.end(
            {.reason = "http://m:1: status 503", .failure = Failure::Status, .wasAnswered = true});
        CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
        scene.api.refuse("");
    }
    SECTION("a stream, no state") {
        scene.api.stream->onStreamOpen("http://m:1");
        CHECK(scene.statuses.back().state == protocol::SourceState::Connecting);
        scene.api.refuse("");
        CHECK(scene.statuses.back().text == "all apps: status 503");
    }
    CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
    CHECK(scene.sent() == 0);
}

TEST_CASE("watcher: without a stream, what is polled counts", "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    scene.api.close("status 404", true);
    scene.api.answer("", list({appJson("/a", 1)}));
    CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
    CHECK(scene.statuses.back().text.find("status 404") != std::string::npos);
    while (scene.api.stream == nullptr)
        REQUIRE(scene.timers.fireNext());
    scene.api.close("status 404", true);
    CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
    while (scene.api.stream == nullptr)
        REQUIRE(scene.timers.fireNext());
    scene.api.close("connection refused");
    CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
}

TEST_CASE("watcher: a state that cannot be confirmed for long is no connection",
          "[marathon][watcher]") {
    Scene scene;
    scene.connect(list({appJson("/a", 1)}));
    scene.watcher.resync("test");
    for (int i = 0; i < 3; ++i) {
        CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
        while (scene.api.requests.empty())
            REQUIRE(scene.timers.fireNext());
        scene.api.refuse("");
    }
    CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
    while (scene.api.requests.empty())
        REQUIRE(scene.timers.fireNext());
    scene.api.answer("", list({appJson("/a", 1)}));
    CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
    CHECK(scene.sent() == 1);
}

TEST_CASE("watcher: new credentials are tried at once, refused ones rarely",
          "[marathon][watcher]") {
    Scene scene;
    scene.watcher.start();
    const auto refuse = [&scene] {
        scene.api.end({.reason = "http://m:1: status 401",
                       .failure = Failure::Unauthorized,
                       .wasAnswered = true});
    };
    refuse();
    CHECK(scene.statuses.back().state == protocol::SourceState::Unreachable);
    CHECK(scene.statuses.back().text.find("status 401") != std::string::npos);
    int asked = 0;
    const auto until = scene.timers.now() + seconds{600};
    while (scene.timers.now() < until) {
        REQUIRE(scene.timers.fireNext());
        for (; !scene.api.requests.empty(); ++asked)
            scene.api.take("").onAnswer(
                {MarathonApi::Answer::Kind::Failed, "status 401", Failure::Unauthorized});
        if (scene.api.stream != nullptr) {
            refuse();
            ++asked;
        }
    }
    CHECK(asked < 80); // two kinds of requests, each 30 s apart in the end, half of it with jitter
    scene.api.isRenewed = true;
    scene.timers.advance(seconds{2});
    REQUIRE(scene.api.stream != nullptr);
    scene.api.stream->onStreamOpen("http://m:1");
    scene.api.answer("", list({}));
    CHECK(scene.statuses.back().state == protocol::SourceState::Connected);
}

} // namespace mmsd::marathon
