// SPDX-License-Identifier: MIT
// Tests of the API server over real loopback connections: kept answers, waiting, events.
#include "tests/support/catch.h"
#include "tests/unit/workers/http_fixture.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/api_routes.h"
#include "workers/api-server/api_server.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace mmsd;
using namespace std::chrono_literals;
using test::app;
using test::HttpClient;
using test::instance;
using test::share;

namespace {

/** A server of its own with a clock that stands still. */
struct Scene {
    EventLoop loop;
    test::FakeTimerFactory timers;
    std::uint16_t port = 0;
    std::unique_ptr<api::ApiServer> server;
    test::AppPointer web = share(app("/web", {80}, {instance("10.0.0.1", {1})}));
    test::AppPointer other = share(app("/other", {81}));
    std::uint64_t generation = 0;

    explicit Scene(std::size_t limit = 100, bool hasState = true) {
        test::Listener listener;
        port = listener.port;
        server = std::make_unique<api::ApiServer>(loop, timers, listener.take(), limit);
        server->onProcessStatus({});
        server->onWorkerStatus("marathon-watcher", {});
        if (hasState)
            apply({web, other});
    }

    void apply(std::vector<test::AppPointer> apps) {
        bool isDone = false;
        server->apply(test::snapshotOf(std::move(apps), ++generation),
                      [&](const worker::ApplyOutcome&) { isDone = true; });
        REQUIRE(isDone);
    }
    void until(const std::function<bool()>& isDone) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!isDone()) {
            loop.poll();
            REQUIRE(std::chrono::steady_clock::now() < deadline);
        }
    }
    void untilReceived(HttpClient& client, const std::string& end) {
        until([&] {
            client.receive();
            INFO(client.received);
            return client.received.ends_with(end);
        });
    }
    void turn() {
        for (int i = 0; i < 50; ++i)
            loop.poll();
    }
    double metric(const std::string& name) const {
        for (const protocol::Metric& each : server->report().metrics)
            if (each.name == name)
                return each.value;
        FAIL("no metric " << name);
        return 0;
    }
    std::unique_ptr<HttpClient> ask(const std::string& target, const std::string& fields = "") {
        auto client = std::make_unique<HttpClient>(port);
        client->send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
        return client;
    }
    /** The whole answer to a request without a wait. */
    std::string answer(const std::string& target, const std::string& fields = "") {
        const auto client = ask(target, "Connection: close\r\n" + fields);
        until([&] {
            client->receive();
            return client->isClosed;
        });
        client->finishSending();
        return client->received;
    }
    std::string tagOf(const std::string& target) {
        const std::string text = answer(target);
        const std::size_t begin = text.find("ETag: ");
        REQUIRE(begin != std::string::npos);
        return text.substr(begin + 6, text.find("\r\n", begin) - begin - 6);
    }
    /** A client that waits, once it is held. */
    std::unique_ptr<HttpClient> wait(const std::string& target, const std::string& tag) {
        const double before = metric("http_held_requests");
        auto client = ask(target, "If-None-Match: " + tag + "\r\n");
        until([&] { return metric("http_held_requests") > before; });
        return client;
    }
    std::unique_ptr<HttpClient> follow(const std::string& query = "",
                                       const std::string& fields = "") {
        const double before = metric("http_event_streams");
        auto client = ask("/v1/events" + query, fields);
        until([&] { return metric("http_event_streams") > before; });
        return client;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("api server: kept answers are those of the present state", "[workers][api]") {
    Scene scene;
    for (int i = 0; i < 3; ++i)
        CHECK(scene.answer("/v1/apps").ends_with("\r\n\r\n/other\n/web\n"));
    const std::string tag = scene.tagOf("/v1/apps");
    for (int i = 0; i < 2; ++i)
        CHECK(scene.answer("/v1/apps", "If-None-Match: " + tag + "\r\n")
                  .starts_with("HTTP/1.1 304 Not Modified\r\n"));
    CHECK(scene.answer("/v1/apps", "Accept: application/json\r\n")
              .ends_with("[\"/other\",\"/web\"]\n"));
    CHECK(scene.answer("/v1/apps", "Accept: application/json\r\n")
              .ends_with("[\"/other\",\"/web\"]\n"));
    CHECK(scene.answer("/v1/instances/web?portIndex=0").ends_with("\r\n\r\n10.0.0.1:1\n"));
    CHECK(scene.answer("/v1/instances/web?portIndex=1").starts_with("HTTP/1.1 400 "));
    scene.apply({scene.web});
    CHECK(scene.answer("/v1/apps").ends_with("\r\n\r\n/web\n"));
    CHECK(scene.answer("/v1/apps", "If-None-Match: " + tag + "\r\n").ends_with("\n/web\n"));
    CHECK(has(scene.answer("/v1/apps"), "Mmsd-Generation: 2\r\n"));
}

TEST_CASE("api server: kept answers are bounded", "[workers][api]") {
    Scene scene;
    const auto client = scene.ask("/ping");
    std::string text;
    std::size_t expected = 1;
    for (int i = 0; i < 12'000; ++i, ++expected)
        text += "GET /v1/apps?" + std::string(1'000, 'x') + std::to_string(i) +
                " HTTP/1.1\r\nHost: x\r\n\r\n";
    std::size_t sent = 0;
    while (sent < text.size()) {
        client->sendSome(text.substr(sent, 64 * 1024));
        scene.turn();
        client->receive();
        sent += 64 * 1024;
    }
    CHECK(scene.metric("http_answer_octets") > 0);
    CHECK(scene.metric("http_answer_octets") < 4'096 * 1'000);
    scene.apply({});
    scene.turn();
    CHECK(scene.metric("http_answer_octets") < 10'000);
}

TEST_CASE("api server: waits until this content changes", "[workers][api]") {
    Scene scene;
    const std::string target = "/v1/instances/web";
    const std::string tag = scene.tagOf(target);
    const auto client = scene.wait(target + "?wait=30s", tag);
    const auto patient = scene.wait(target + "?wait=30s&portIndex=0", tag);
    const auto elsewhere =
        scene.wait("/v1/instances/other?wait=30s", scene.tagOf("/v1/instances/other"));
    const auto json = scene.ask(target + "?wait=30s",
                                "Accept: application/json\r\nIf-None-Match: " + tag + "\r\n");
    scene.untilReceived(*json, "}]\n"); // another content: at once

    scene.apply({scene.web, share(app("/other", {82}))});
    scene.turn();
    CHECK(scene.metric("http_held_requests") == 3);
    scene.apply({share(app("/web", {80}, {instance("10.0.0.1", {1}), instance("10.0.0.2", {2})})),
                 scene.other});
    for (HttpClient* each : {client.get(), patient.get()}) {
        scene.untilReceived(*each, "\r\n\r\n10.0.0.1:1\n10.0.0.2:2\n");
        CHECK(each->received.starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(has(each->received, "Mmsd-Generation: 3\r\n"));
    }
    CHECK(scene.metric("http_held_requests") == 1);

    // There and back is unchanged; 204 is a content like any other.
    scene.apply({scene.web, share(app("/other", {81}, {instance("10.0.0.3", {3})}))});
    scene.untilReceived(*elsewhere, "10.0.0.3:3\n");
}

TEST_CASE("api server: waiting ends in time", "[workers][api]") {
    Scene scene;
    const std::string tag = scene.tagOf("/v1/apps");
    const auto client = scene.wait("/v1/apps?wait=30s", tag);
    scene.timers.advance(30s - 1ms);
    CHECK(scene.metric("http_held_requests") == 1);
    scene.timers.advance(1ms);
    scene.untilReceived(*client, "\r\n\r\n");
    CHECK(client->received.starts_with("HTTP/1.1 304 Not Modified\r\nETag: " + tag + "\r\n"));
    // The connection goes on, and a wait of 0 is none.
    client->received.clear();
    client->send("GET /v1/apps?wait=0 HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + tag + "\r\n\r\n");
    scene.untilReceived(*client, "\r\n\r\n");
    CHECK(client->received.starts_with("HTTP/1.1 304 "));
    // Without a tag, or with an old one, there is nothing to wait for.
    for (const char* fields : {"", "If-None-Match: \"old\"\r\n"})
        CHECK(scene.answer("/v1/apps?wait=30s", fields).ends_with("/web\n"));
    CHECK(scene.answer("/v1/apps?wait=x").starts_with("HTTP/1.1 400 "));
}

TEST_CASE("api server: waits for an app to appear", "[workers][api]") {
    Scene scene;
    const std::string tag = scene.tagOf("/v1/instances/new");
    const auto client = scene.wait("/v1/instances/new?wait=30s", tag);
    const auto vain = scene.wait("/v1/instances/never?wait=5s", scene.tagOf("/v1/instances/never"));
    scene.timers.advance(5s);
    scene.untilReceived(*vain, "no such app: /never\n");
    CHECK(vain->received.starts_with("HTTP/1.1 404 Not Found\r\n"));
    scene.apply({scene.web, share(app("/new", {80}, {instance("10.0.0.9", {9})}))});
    scene.untilReceived(*client, "\r\n\r\n10.0.0.9:9\n");
}

TEST_CASE("api server: who waits has half of the room", "[workers][api]") {
    Scene scene{6};
    const std::string tag = scene.tagOf("/v1/apps");
    scene.until([&] { return scene.metric("http_connections") == 0; });
    std::vector<std::unique_ptr<HttpClient>> held;
    held.push_back(scene.wait("/v1/apps?wait=30s", tag));
    held.push_back(scene.wait("/v1/apps?wait=30s", tag));
    held.push_back(scene.follow());
    for (const char* target : {"/v1/apps?wait=30s", "/v1/events"}) {
        const std::string refusal = scene.answer(target, "If-None-Match: " + tag + "\r\n");
        CHECK(refusal.starts_with("HTTP/1.1 503 "));
        CHECK(refusal.ends_with("too many clients wait\n"));
    }
    CHECK(scene.answer("/v1/apps").starts_with("HTTP/1.1 200 "));
    // Who goes makes room at once.
    held.front()->reset();
    scene.until([&] { return scene.metric("http_held_requests") == 1; });
    held.front() = scene.wait("/v1/apps?wait=30s", tag);
    // A flood of others moves nobody of them.
    for (int i = 0; i < 20; ++i)
        CHECK(scene.answer("/ping").ends_with("pong\n"));
    scene.apply({scene.web});
    scene.untilReceived(*held[0], "\r\n\r\n/web\n");
    scene.untilReceived(*held[1], "\r\n\r\n/web\n");
}

TEST_CASE("api server: events", "[workers][api]") {
    Scene scene;
    const auto everything = scene.follow();
    scene.untilReceived(*everything, "\"reason\":\"the stream begins here\"}\n\n");
    CHECK(has(everything->received, "Content-Type: text/event-stream\r\n"));
    CHECK(has(everything->received, "Cache-Control: no-store\r\n"));
    const auto part = scene.follow("?app=web");
    scene.untilReceived(*part, "}\n\n");
    everything->received.clear();
    part->received.clear();

    scene.apply({scene.web, share(app("/other", {82}))});
    scene.untilReceived(*everything, "}\n\n");
    CHECK(has(everything->received, R"(data: {"generation":2,"app":"/other","change":"changed")"));
    scene.apply({share(app("/web", {80})), share(app("/other", {83}))});
    scene.untilReceived(*part, "}\n\n");
    CHECK(part->received.starts_with("event: instance\n"));
    CHECK(has(part->received, R"("app":"/web","change":"removed")"));
    CHECK_FALSE(has(part->received, "/other"));
    CHECK_FALSE(has(part->received, "\"generation\":2"));
    scene.untilReceived(*everything, "}\n\n");

    // Back after a break.
    const std::size_t at = part->received.find("id: 3-");
    REQUIRE(at != std::string::npos);
    const std::string epoch = part->received.substr(at + 6, part->received.find('\n', at) - at - 6);
    const auto again = scene.follow("", "Last-Event-ID: 2-" + epoch + "\r\n");
    scene.untilReceived(*again, "}\n\n");
    CHECK_FALSE(has(again->received, "event: reset"));
    CHECK(has(again->received, R"("app":"/web","change":"removed")"));
    CHECK_FALSE(has(again->received, "\"generation\":2,"));
    const auto stranger = scene.follow("", "Last-Event-ID: 2-other\r\n");
    scene.untilReceived(*stranger, "\"reason\":\"what came after that event is not kept\"}\n\n");

    // Nothing happens, and the reader learns how far it is.
    part->received.clear();
    scene.apply({share(app("/web", {80})), share(app("/other", {84}))});
    scene.timers.advance(api::EventStreams::kHeartbeat);
    scene.untilReceived(*part, ": alive\nid: 4-" + epoch + "\n\n");
    CHECK(part->received.starts_with(": alive\n"));
    scene.timers.advance(api::EventStreams::kHeartbeat);
    scene.untilReceived(*part, ": alive\nid: 4-" + epoch + "\n\n");

    everything->reset();
    scene.until([&] { return scene.metric("http_event_streams") == 3; });
    CHECK(scene.answer("/v1/events?app=a&app=b").starts_with("HTTP/1.1 400 "));
}

TEST_CASE("api server: events before the first state", "[workers][api]") {
    Scene scene{100, false};
    scene.timers.advance(500ms); // a server without a state lets its clients wait so long
    const auto client = scene.follow();
    scene.untilReceived(*client, "\r\n\r\n");
    scene.timers.advance(api::EventStreams::kHeartbeat);
    scene.untilReceived(*client, "\r\n\r\n: alive\n\n");
    scene.apply({scene.web});
    scene.untilReceived(*client, "data: {\"generation\":1,\"reason\":\"first state\"}\n\n");
}

TEST_CASE("api server: clients wait until there is something to tell", "[workers][api]") {
    Scene scene{100, false};
    const auto client = scene.ask("/v1/apps");
    SECTION("a state") {
        scene.turn();
        CHECK(scene.metric("http_connections") == 0);
        scene.apply({scene.web});
        scene.untilReceived(*client, "\r\n\r\n/web\n");
    }
    SECTION("but not for ever") {
        scene.timers.advance(500ms);
        scene.untilReceived(*client, "no state from Marathon yet\n");
    }
}

TEST_CASE("api server: HEAD of an event stream ends", "[workers][api]") {
    Scene scene;
    HttpClient client{scene.port};
    client.send("HEAD /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    scene.until([&] {
        client.receive();
        return client.isClosed;
    });
    CHECK(client.received.ends_with("Connection: close\r\n\r\n"));
    CHECK(scene.metric("http_event_streams") == 0);
}

TEST_CASE("api server: a reader that falls behind is let go with a word", "[workers][api]") {
    Scene scene;
    HttpClient slow{scene.port, 4096};
    slow.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    scene.until([&] { return scene.metric("http_event_streams") == 1; });
    const auto good = scene.follow();
    std::vector<protocol::Instance> many;
    for (int i = 0; i < 400; ++i)
        many.push_back(instance("10.0.1." + std::to_string(i % 250), {1}));
    for (std::size_t i = 0; i < many.size(); ++i)
        many[i].taskId = "task-" + std::to_string(i);
    for (int i = 0; scene.metric("http_event_streams_dropped_total") == 0; ++i) {
        REQUIRE(i < 500);
        scene.apply({i % 2 == 0 ? share(app("/web", {80}, many)) : scene.web});
        scene.turn();
        good->receive();
    }
    CHECK(scene.metric("http_event_streams") == 1);
    scene.until([&] {
        slow.receive();
        return slow.isClosed;
    });
    CHECK(slow.received.ends_with("\n\nevent: dropped\ndata: {\"reason\":\"events were not read in "
                                  "time\"}\n\n"));
    good->received.clear();
    scene.apply({scene.web, scene.other});
    scene.untilReceived(*good, "}\n\n");
}

TEST_CASE("api server: stopping ends all waiting at once", "[workers][api]") {
    Scene scene;
    const auto waiting = scene.wait("/v1/apps?wait=5m", scene.tagOf("/v1/apps"));
    const auto following = scene.follow();
    bool isDone = false;
    scene.server->shutDown([&] { isDone = true; });
    for (HttpClient* each : {waiting.get(), following.get()}) {
        scene.until([&] {
            each->receive();
            return each->isClosed;
        });
        each->finishSending();
    }
    CHECK(waiting->received.starts_with("HTTP/1.1 304 "));
    CHECK(has(waiting->received, "Connection: close\r\n"));
    CHECK(following->received.ends_with(": the server ends, or is replaced\n\n"));
    scene.until([&] { return isDone; });
}
