// SPDX-License-Identifier: MIT
// Tests of the requests to Marathon against a server of our own.
#include "common/file_io.h"
#include "daemon/marathon/marathon_client.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/marathon/http_double.h"

#include <functional>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;
using Kind = MarathonApi::Answer::Kind;

struct Scene : private MarathonApi::StreamHandler {
    EventLoop loop;
    EventTimerFactory timers{loop};
    HostResolver resolver{loop, timers};
    CurlLoop curl{loop, timers};
    test::HttpDouble marathon{loop};
    test::TempDir folder;
    std::unique_ptr<MarathonClient> client;

    std::string body;
    std::optional<MarathonApi::Answer> answer;
    std::string openedAt;
    std::string stream;
    std::string closed;
    Failure failure = Failure::None;
    bool wasAnswered = false;

    void start(const std::string& credentials = "",
               milliseconds stallTimeout = milliseconds{20'000}, const std::string& prefix = "") {
        Credentials held;
        if (!credentials.empty()) {
            replaceFileAt(folder.fd(), "auth", credentials, 0600);
            held = Credentials{folder / "auth"};
        }
        client = std::make_unique<MarathonClient>(
            curl, resolver, std::move(held),
            MarathonClient::Config{.masters = {*parseUrl(marathon.url() + prefix)},
                                   .tls = {},
                                   .stallTimeout = stallTimeout});
        resolver.setOnAnswer(
            [this](const std::string& host, bool) { client->onHostAnswered(host); });
    }
    void await(const std::function<bool()>& isSo) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!isSo()) {
            if (std::chrono::steady_clock::now() >= deadline)
                FAIL("it did not happen in time");
            loop.poll();
        }
    }
    Kind fetch(const std::string& appId, bool isWanted = true) {
        return fetch(appId.empty() ? MarathonApi::Resource::Apps : MarathonApi::Resource::App,
                     appId, isWanted);
    }
    Kind fetch(MarathonApi::Resource resource, const std::string& id, bool isWanted = true) {
        body.clear();
        answer.reset();
        client->fetch(
            resource, id,
            [this, isWanted](std::string_view bytes) {
                body += bytes;
                return isWanted;
            },
            [this](const MarathonApi::Answer& a) { answer = a; });
        CHECK_FALSE(answer);
        await([this] { return answer.has_value(); });
        return answer->kind;
    }
    void openStream() {
        closed.clear();
        openedAt.clear();
        client->openStream(*this);
    }
    void onStreamOpen(const std::string& where) override { openedAt = where; }
    void onStreamData(std::string_view bytes) override { stream += bytes; }
    void onStreamClosed(const MarathonApi::StreamEnd& end) override {
        closed = end.reason;
        failure = end.failure;
        wasAnswered = end.wasAnswered;
    }
};

test::HttpDouble::Reply events(const std::string& body = "data: {}\r\n\r\n") {
    return {.status = 200,
            .type = "text/event-stream;charset=UTF-8",
            .body = body,
            .location = "",
            .staysOpen = true};
}

} // namespace

TEST_CASE("marathon_client: fetches all apps", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/service/marathon/v2/apps"] = {
        .status = 200, .type = "application/json;qs=2", .body = R"({"apps":[]})"};
    scene.start("user:secret", milliseconds{20'000}, "/service/marathon");
    CHECK(scene.fetch("") == Kind::Complete);
    CHECK(scene.body == R"({"apps":[]})");
    const auto& request = scene.marathon.requests.at(0);
    CHECK(request.uri == "/service/marathon/v2/apps?embed=apps.tasks");
    CHECK(request.headers.at("accept") == "application/json");
    CHECK(request.headers.at("accept-encoding") == "gzip");
    CHECK(request.headers.at("authorization") == "Basic dXNlcjpzZWNyZXQ=");
}

TEST_CASE("marathon_client: fetches pods, and knows a Marathon without them",
          "[marathon][client]") {
    using Resource = MarathonApi::Resource;
    Scene scene;
    scene.marathon.replies["/v2/pods/::status"] = {.status = 200, .body = "[]"};
    scene.marathon.replies["/v2/pods/a/b::status"] = {.status = 404, .body = "{}"};
    scene.start();
    CHECK(scene.fetch(Resource::Pods, "") == Kind::Complete);
    CHECK(scene.fetch(Resource::Pod, "/a/b") == Kind::NotFound);
    scene.marathon.replies["/v2/pods/::status"] = {.status = 404, .body = "{}"};
    CHECK(scene.fetch(Resource::Pods, "") == Kind::NotFound);
}

TEST_CASE("marathon_client: fetches one app, and knows Marathon's 404", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/apps/a/b%3F"] = {.status = 200, .body = "{}"};
    scene.marathon.replies["/v2/apps/gone"] = {.status = 404, .body = R"({"message":"no"})"};
    scene.start();
    CHECK(scene.fetch("/a/b?") == Kind::Complete);
    CHECK_FALSE(scene.marathon.requests.at(0).headers.contains("authorization"));
    CHECK(scene.fetch("/gone") == Kind::NotFound);
    CHECK(scene.fetch("/proxy-says-404") == Kind::Failed);
    CHECK(scene.answer->error == "status 404");
}

TEST_CASE("marathon_client: what is no answer of Marathon fails", "[marathon][client]") {
    Scene scene;
    auto& reply = scene.marathon.replies["/v2/apps"];
    scene.start();
    reply = {.status = 200, .type = "text/html", .body = "<html>"};
    CHECK(scene.fetch("") == Kind::Failed);
    CHECK(scene.body.empty());
    reply = {.status = 503, .type = "application/json", .body = R"({"message":"x"})"};
    CHECK(scene.fetch("") == Kind::Failed);
    CHECK(scene.answer->error == "status 503");
    reply = {.status = 401, .type = "text/html", .body = "<html>"};
    CHECK(scene.fetch("") == Kind::Failed);
    CHECK(scene.answer->error.find("credentials") != std::string::npos);
    reply = {.status = 404, .type = "application/json", .body = R"({"message":"x"})"};
    CHECK(scene.fetch("") == Kind::Failed); // there is no such thing as no apps
    reply = {.status = 302, .type = "text/html", .body = "", .location = "http://127.0.0.1:1/"};
    CHECK(scene.fetch("") == Kind::Failed);
    reply = {.status = 200, .type = "application/json", .body = "xxxx"};
    CHECK(scene.fetch("", false) == Kind::Failed);
    CHECK(scene.answer->error == "the answer was refused");
    reply = {};
    CHECK(scene.fetch("") == Kind::Complete);
}

TEST_CASE("marathon_client: megabytes arrive whole and in order", "[marathon][client]") {
    Scene scene;
    std::string body;
    while (body.size() < (24u << 20))
        body += std::to_string(body.size()) + ",";
    scene.marathon.replies["/v2/apps"] = {.status = 200, .body = body};
    scene.start();
    CHECK(scene.fetch("") == Kind::Complete);
    CHECK((scene.body == body));
}

TEST_CASE("marathon_client: a silent answer ends by time", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/apps"] = {.body = R"({"apps":[)", .staysOpen = true};
    scene.start("", milliseconds{50});
    CHECK(scene.fetch("") == Kind::Failed);
    CHECK(scene.answer->error.find("silent for 50 ms") != std::string::npos);
}

TEST_CASE("marathon_client: nobody listens", "[marathon][client]") {
    Scene scene;
    scene.client = std::make_unique<MarathonClient>(
        scene.curl, scene.resolver, Credentials{},
        MarathonClient::Config{.masters = {*parseUrl("http://127.0.0.1:1")},
                               .tls = {},
                               .stallTimeout = milliseconds{1'000}});
    CHECK(scene.fetch("") == Kind::Failed);
    scene.openStream();
    scene.await([&] { return !scene.closed.empty(); });
    CHECK_FALSE(scene.wasAnswered);
}

TEST_CASE("marathon_client: the event stream", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/events"] = events();
    scene.start("token=abc");
    scene.openStream();
    scene.await([&] { return !scene.stream.empty(); });
    CHECK(scene.openedAt == scene.marathon.url());
    CHECK(scene.stream == "data: {}\r\n\r\n");
    const auto& request = scene.marathon.last("/v2/events");
    CHECK(request.headers.at("accept") == "text/event-stream"); // exactly, or it is 405
    CHECK_FALSE(request.headers.contains("accept-encoding"));
    CHECK(request.headers.at("authorization") == "token=abc");
    CHECK(request.uri.find("plan-format=light") != std::string::npos);
    CHECK(request.uri.find("event_type=status_update_event") != std::string::npos);

    scene.marathon.sendMore("\r\n");
    scene.await([&] { return scene.stream.ends_with("\r\n\r\n\r\n"); });
    scene.marathon.finish();
    scene.await([&] { return !scene.closed.empty(); });
    CHECK(scene.closed.find("closed by Marathon") != std::string::npos);
    CHECK(scene.failure == Failure::Closed);
    CHECK(scene.wasAnswered);
}

TEST_CASE("marathon_client: a stream that falls silent is dead", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/events"] = events();
    scene.start("", milliseconds{50});
    scene.openStream();
    scene.await([&] { return !scene.closed.empty(); });
    CHECK(scene.stream == "data: {}\r\n\r\n");
    CHECK(scene.closed.find("silent for 50 ms") != std::string::npos);
    CHECK(scene.failure == Failure::Timeout);
    CHECK(scene.wasAnswered);
}

TEST_CASE("marathon_client: what is no event stream", "[marathon][client]") {
    Scene scene;
    scene.start();
    scene.marathon.replies["/v2/events"] = {.status = 200, .type = "text/html", .body = "<html>"};
    scene.openStream();
    scene.await([&] { return !scene.closed.empty(); });
    CHECK(scene.closed.find("unexpected type: text/html") != std::string::npos);
    CHECK(scene.failure == Failure::Malformed);
    scene.marathon.replies["/v2/events"] = {.status = 405, .type = "text/html"};
    scene.openStream();
    scene.await([&] { return !scene.closed.empty(); });
    CHECK(scene.closed.find("status 405") != std::string::npos);
    CHECK(scene.failure == Failure::Status);
    CHECK(scene.wasAnswered);
    CHECK(scene.openedAt.empty());
}

TEST_CASE("marathon_client: a stream can be closed in any call", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/events"] = events();
    scene.start();
    scene.openStream();
    scene.client->closeStream();
    scene.openStream();
    scene.await([&] { return !scene.openedAt.empty(); });
    scene.client->closeStream();
    CHECK(scene.closed.empty());
}

TEST_CASE("marathon_client: follows a redirect to the leader", "[marathon][client]") {
    Scene scene;
    test::HttpDouble leader{scene.loop};
    leader.replies["/v2/events"] = events("data: 1\n\n");
    scene.marathon.replies["/v2/events"] = {.status = 302,
                                            .type = "text/html",
                                            .body = "",
                                            .location = leader.url() + "/v2/events?x=1"};

    SECTION("with credentials, if a configured master names it") {
        scene.marathon.replies["/v2/leader"] = {.body = R"({"leader":"127.0.0.1:)" +
                                                        std::to_string(leader.port()) + "\"}"};
        scene.start("user:secret");
        scene.openStream();
        scene.await([&] { return !scene.stream.empty(); });
        CHECK(scene.openedAt == leader.url());
        CHECK(leader.last("/v2/events").uri == "/v2/events?x=1");
        CHECK(leader.last("/v2/events").headers.contains("authorization"));
    }
    SECTION("without, if it names another") {
        scene.marathon.replies["/v2/leader"] = {.body = R"({"leader":"10.9.9.9:8080"})"};
        scene.start("user:secret");
        scene.openStream();
        scene.await([&] { return !scene.stream.empty(); });
        CHECK_FALSE(leader.last("/v2/events").headers.contains("authorization"));
    }
    SECTION("without, if nobody knows a leader") {
        scene.start("user:secret");
        scene.openStream();
        scene.await([&] { return !scene.stream.empty(); });
        CHECK_FALSE(leader.last("/v2/events").headers.contains("authorization"));
    }
    SECTION("asking nobody where there are no credentials") {
        scene.start();
        scene.openStream();
        scene.await([&] { return !scene.stream.empty(); });
        CHECK(scene.marathon.requests.size() == 1);
    }
    SECTION("once only") {
        leader.replies["/v2/events"] = scene.marathon.replies["/v2/events"];
        scene.start();
        scene.openStream();
        scene.await([&] { return !scene.closed.empty(); });
        CHECK(scene.closed.find("status 302") != std::string::npos);
        CHECK(scene.failure == Failure::Redirect);
        CHECK(leader.requests.size() == 1);
    }
}

TEST_CASE("marathon_client: a redirect on the same server keeps the credentials",
          "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/events"] = {
        .status = 302, .type = "text/html", .body = "", .location = "/other/events"};
    scene.marathon.replies["/other/events"] = events();
    scene.start("user:secret");
    scene.openStream();
    scene.await([&] { return !scene.stream.empty(); });
    CHECK(scene.marathon.last("/other/events").headers.contains("authorization"));
}

TEST_CASE("marathon_client: refuses redirects to elsewhere than HTTP", "[marathon][client]") {
    const auto* const location = GENERATE("file:///etc/passwd", "//evil/", "ftp://h/", "x");
    Scene scene;
    scene.marathon.replies["/v2/events"] = {
        .status = 302, .type = "text/html", .body = "", .location = location};
    scene.start();
    scene.openStream();
    scene.await([&] { return !scene.closed.empty(); });
    CHECK(scene.closed.find("a redirect to") != std::string::npos);
    CHECK(scene.failure == Failure::Redirect);
}

TEST_CASE("marathon_client: a master's name is looked up first", "[marathon][client]") {
    Scene scene;
    scene.marathon.replies["/v2/events"] = events();
    scene.client = std::make_unique<MarathonClient>(
        scene.curl, scene.resolver, Credentials{},
        MarathonClient::Config{
            .masters = {*parseUrl("http://localhost:" + std::to_string(scene.marathon.port()))},
            .tls = {},
            .stallTimeout = milliseconds{20'000}});
    scene.resolver.setOnAnswer(
        [&](const std::string& host, bool) { scene.client->onHostAnswered(host); });
    scene.openStream();
    scene.await([&] { return !scene.openedAt.empty(); });
    CHECK(scene.client->hosts() == std::set<std::string>{"localhost"});
}

} // namespace mmsd::marathon
