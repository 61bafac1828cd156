// SPDX-License-Identifier: MIT
// A watcher with a Marathon of our own, and a time of our own.
#pragma once

#include "daemon/marathon/watcher.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/unit/marathon/support.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::marathon {

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

struct WatcherScene : private SourceListener {
    test::FakeTimerFactory timers;
    test::FakeHosts hosts;
    test::RecordingOutlet outlet;
    SnapshotPublisher publisher{outlet, nullptr, 0};
    StateKeeper keeper{timers, hosts, publisher};
    FakeApi api;
    std::vector<protocol::SourceStatus> statuses;
    int synchronizations = 0;
    Watcher watcher{timers, api, keeper, listener(),
                    Watcher::Config{.reconnectDelay = std::chrono::seconds{4},
                                    .resyncInterval = std::chrono::seconds{60},
                                    .seed = 5}};

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
    void settle() { timers.advance(std::chrono::milliseconds{0}); }
    [[nodiscard]] std::size_t sent() const { return outlet.snapshots.size(); }
};

/** The answer to /v2/apps. */
inline std::string list(const std::vector<std::string>& apps) {
    std::string text = R"({"apps":[)";
    for (const std::string& app : apps)
        text += (&app == &apps.front() ? "" : ",") + app;
    return text + "]}";
}

/** The answer to /v2/apps/ID. */
inline std::string single(const std::string& app) {
    return R"({"app":)" + app + "}";
}

} // namespace mmsd::marathon
