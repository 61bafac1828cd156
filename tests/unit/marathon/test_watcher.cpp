// SPDX-License-Identifier: MIT
// Tests of the watcher against a Marathon of our own, with a time of our own.
#include "daemon/marathon/watcher.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/unit/marathon/support.h"

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::appJson;
using test::podJson;

/** Records what is asked and answers when told to. */
class FakeApi final : public MarathonApi {
public:
    struct Request {
        std::string appId; ///< "" = all apps, "pods" = all pods, "pod /id" = one
        OnChunk onChunk;
        OnAnswer onAnswer;
    };
    StreamHandler* stream = nullptr;
    int streamsOpened = 0;
    std::size_t masters = 1;
    std::size_t master = 0;
    bool hasPods = false; ///< else the question for all of them is answered at once
    std::vector<Request> requests;

    void openStream(StreamHandler& handler) override {
        stream = &handler;
        ++streamsOpened;
    }
    void closeStream() override { stream = nullptr; }
    void fetch(Resource resource, const std::string& id, OnChunk onChunk,
               OnAnswer onAnswer) override {
        const bool isPod = resource == Resource::Pod;
        requests.push_back({isPod                        ? "pod " + id
                            : resource == Resource::Pods ? "pods"
                                                         : id,
                            std::move(onChunk), std::move(onAnswer)});
        if (resource == Resource::Pods && !hasPods)
            refuse("pods", Answer::Kind::NotFound);
    }
    bool isRenewed = false;
    [[nodiscard]] bool hasNewCredentials() const override { return isRenewed; }
    void useNextMaster() override { master = (master + 1) % masters; }
    [[nodiscard]] std::size_t masterCount() const override { return masters; }

    void close(const std::string& reason = "gone", bool wasAnswered = false) {
        end({.reason = reason,
             .failure = wasAnswered ? Failure::Closed : Failure::Connect,
             .wasAnswered = wasAnswered});
    }
    void end(const StreamEnd& end) { std::exchange(stream, nullptr)->onStreamClosed(end); }
    Request take(const std::string& appId) {
        const auto is = [&](const Request& request) { return request.appId == appId; };
        const auto found = std::ranges::find_if(requests, is);
        REQUIRE(found != requests.end());
        Request request = std::move(*found);
        requests.erase(found);
        return request;
    }
    void answer(const std::string& appId, const std::string& body) {
        const Request request = take(appId);
        const std::size_t half = body.size() / 2;
        const bool isWanted = request.onChunk(std::string_view{body}.substr(0, half)) &&
                              request.onChunk(std::string_view{body}.substr(half));
        if (isWanted)
            request.onAnswer({Answer::Kind::Complete, "", Failure::None});
        else
            request.onAnswer({Answer::Kind::Failed, "the answer was refused", Failure::Malformed});
    }
    void refuse(const std::string& appId, Answer::Kind kind = Answer::Kind::Failed) {
        take(appId).onAnswer({kind, "status 503", Failure::Status});
    }
};

struct Scene : private SourceListener {
    test::FakeTimerFactory timers;
    test::FakeHosts hosts;
    test::RecordingOutlet outlet;
    SnapshotPublisher publisher{outlet, nullptr, 0};
    StateKeeper keeper{timers, hosts, publisher};
    FakeApi api;
    std::vector<protocol::SourceStatus> statuses;
    int synchronizations = 0;
    Watcher watcher{
        timers, api, keeper, listener(),
        Watcher::Config{.reconnectDelay = seconds{4}, .resyncInterval = seconds{60}, .seed = 5}};

    SourceListener& listener() { return *this; }
    void onSourceStatus(const protocol::SourceStatus& status) override {
        statuses.push_back(status);
        outlet.sendSourceStatus(status);
    }
    void onSynchronized() override { ++synchronizations; }

    void event(const std::string& json) { api.stream->onStreamData("data: " + json + "\r\n\r\n"); }
    void dirty(const std::string& id) {
        event(R"({"eventType":"status_update_event","appId":")" + id + "\"}");
    }
    /** Up and in step with a cluster. */
    void connect(const std::string& apps = R"({"apps":[]})") {
        watcher.start();
        api.stream->onStreamOpen("http://m:1");
        api.answer("", apps);
        settle();
    }
    void settle() { timers.advance(milliseconds{0}); }
    [[nodiscard]] std::size_t sent() const { return outlet.snapshots.size(); }
};

std::string list(const std::vector<std::string>& apps) {
    std::string text = R"({"apps":[)";
    for (const std::string& app : apps)
        text += (&app == &apps.front() ? "" : ",") + app;
    return text + "]}";
}

std::string single(const std::string& app) {
    return R"({"app":)" + app + "}";
}

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
