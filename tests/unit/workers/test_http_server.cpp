// SPDX-License-Identifier: MIT
// Tests of the HTTP server over real loopback connections, with a clock of our own.
#include "tests/unit/workers/http_fixture.h"
#include "workers/runtime/descriptor_limit.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace mmsd;
using test::kBigBody;
using Client = test::HttpClient;
using Fixture = test::HttpFixture;
using namespace std::chrono_literals;

namespace {

std::string get(const std::string& path, const std::string& headers = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

} // namespace

TEST_CASE("http server: answers, and keeps the connection", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send(get("/a"));
    f.untilReceived(*client, "\r\n\r\n/a\n");
    CHECK(client->received.starts_with("HTTP/1.1 200 OK\r\n"));
    client->send(get("/b"));
    f.untilReceived(*client, "\r\n\r\n/b\n");
    CHECK_FALSE(client->isClosed);
    CHECK(f.server->connectionCount() == 1);
    CHECK(f.server->counters().responses[2] == 2);
}

TEST_CASE("http server: answers pipelined requests in order", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    constexpr int kRequests = 3'000;
    std::string text;
    for (int i = 0; i < kRequests; ++i)
        text += get("/" + std::to_string(i));
    client->send(text);
    f.untilReceived(*client, "\r\n\r\n/" + std::to_string(kRequests - 1) + "\n");
    REQUIRE(f.asked.size() == kRequests);
    for (int i = 0; i < kRequests; ++i)
        REQUIRE(f.asked[static_cast<std::size_t>(i)] == "GET /" + std::to_string(i));
    CHECK(count(client->received, "HTTP/1.1 200 OK\r\n") == kRequests);
}

TEST_CASE("http server: HEAD has the length and no body", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n" + get("/next"));
    f.untilReceived(*client, "\r\n\r\n/next\n");
    CHECK(count(client->received, "Content-Length: 5\r\n") == 1);
    CHECK(count(client->received, "/abc") == 0);
}

TEST_CASE("http server: closes when the client asks for it", "[workers][http]") {
    Fixture f;
    for (const std::string& request :
         {get("/a", "Connection: close\r\n"), std::string{"GET /a HTTP/1.0\r\n\r\n"}}) {
        const auto client = f.connect();
        client->send(request + get("/not-any-more"));
        f.untilClosed(*client);
        CHECK(client->received.ends_with("Connection: close\r\n\r\n/a\n"));
        client->finishSending();
        f.until([&] { return f.server->connectionCount() == 0; });
    }
}

TEST_CASE("http server: refuses malformed requests, and the answer arrives", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send(get("/good") + "GARBAGE\r\n\r\n" + std::string(100'000, 'x'));
    f.untilClosed(*client);
    CHECK(client->received.starts_with("HTTP/1.1 200 OK"));
    CHECK(count(client->received, "HTTP/1.1 400 Bad Request\r\n") == 1);
    CHECK(client->received.ends_with("Connection: close\r\n\r\nmalformed request line\n"));
    CHECK(f.asked.size() == 1);
    CHECK(f.server->counters().responses[4] == 1);
    // The client does not hang up: the server does.
    f.timers.advance(api::kLingerLimit);
    CHECK(f.server->connectionCount() == 0);
}

TEST_CASE("http server: a client that has finished sending gets its answer", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send(get("/last"));
    client->finishSending();
    f.untilClosed(*client);
    CHECK(client->received.ends_with("/last\n"));
    CHECK(f.server->connectionCount() == 0);
}

TEST_CASE("http server: silent clients are let go", "[workers][http]") {
    Fixture f;
    const auto silent = f.connect();
    const auto idle = f.connect();
    idle->send(get("/a"));
    f.untilReceived(*idle, "/a\n");
    f.timers.advance(api::kRequestLimit - 1ms);
    CHECK(f.server->connectionCount() == 2);
    f.timers.advance(1ms);
    CHECK(f.server->connectionCount() == 1);
    f.untilClosed(*silent);
    CHECK(silent->received.empty());
    f.timers.advance(api::kIdleLimit - api::kRequestLimit - 1ms);
    CHECK(f.server->connectionCount() == 1);
    f.timers.advance(1ms);
    CHECK(f.server->connectionCount() == 0);
}

TEST_CASE("http server: a trickling request is cut in time", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send(get("/first"));
    f.untilReceived(*client, "/first\n");
    f.timers.advance(5s);
    const std::string text = get("/slow", "X-Slow: " + std::string(100, 'x') + "\r\n");
    for (std::size_t i = 0; i < 10; ++i) {
        client->send(text.substr(i, 1));
        f.turn();
        CHECK(f.server->connectionCount() == 1);
        f.timers.advance(1s);
    }
    CHECK(f.server->connectionCount() == 0);
    f.untilClosed(*client);
    CHECK(count(client->received, "HTTP/1.1 408 Request Timeout\r\n") == 1);
    CHECK(f.server->counters().responses[4] == 1);
}

TEST_CASE("http server: a busy connection lives on past every limit", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    for (int i = 0; i < 20; ++i) {
        client->received.clear();
        client->send(get("/a"));
        f.untilReceived(*client, "/a\n");
        f.timers.advance(9s);
    }
    CHECK(f.server->connectionCount() == 1);
}

TEST_CASE("http server: a slow reader gets all of it, or is cut", "[workers][http]") {
    Fixture f;
    const auto client = std::make_unique<Client>(f.port, 4096);
    f.until([&] { return f.server->connectionCount() == 1; });
    client->send(get("/big") + get("/big") + get("/end"));
    f.until([&] { return f.asked.size() == 1; });
    f.turn(200);
    CHECK(f.asked.size() == 1); // the second waits until the first is taken

    SECTION("reads on") {
        f.timers.advance(api::kWriteLimit - 1ms);
        f.untilReceived(*client, "/end\n");
        CHECK(count(client->received, "b") == 2 * kBigBody);
        CHECK(f.asked.size() == 3);
        CHECK(f.server->connectionCount() == 1);
    }
    SECTION("does not") {
        f.timers.advance(api::kWriteLimit);
        CHECK(f.server->connectionCount() == 0);
    }
    SECTION("goes away") {
        client->reset();
        f.until([&] { return f.server->connectionCount() == 0; });
    }
}

TEST_CASE("http server: at the limit, who did nothing for longest makes room", "[workers][http]") {
    Fixture f{3};
    const auto slow = f.connect();
    const auto idle = f.connect();
    const auto held = f.connect();
    held->send(get("/hold"));
    f.until([&] { return f.held != nullptr; });
    slow->send("GET /half");
    idle->send(get("/a"));
    f.untilReceived(*idle, "/a\n");

    // Octets that complete nothing do not help, and who is held is not asked.
    const auto second = f.connect();
    f.untilClosed(*slow);
    second->send(get("/b"));
    f.untilReceived(*second, "/b\n");
    idle->received.clear();
    idle->send(get("/a"));
    f.untilReceived(*idle, "/a\n");
    const auto third = f.connect();
    f.untilClosed(*second);
    CHECK(f.server->connectionCount() == 3);
    CHECK(f.server->counters().evicted == 2);
    CHECK(f.server->counters().turnedAway == 0);
    CHECK_FALSE(idle->isClosed);
    CHECK(f.server->heldCount() == 1);

    // A client that has been told is like any other again.
    f.held->reply(Fixture::text("told\n"));
    f.untilReceived(*held, "told\n");
    CHECK(f.server->heldCount() == 0);
}

TEST_CASE("http server: with nobody to make room, the newcomer is told so", "[workers][http]") {
    Fixture f{1};
    const auto held = f.connect();
    held->send(get("/hold"));
    f.until([&] { return f.held != nullptr; });
    CHECK_FALSE(f.server->mayHold());
    const auto other = f.connect();
    f.untilClosed(*other);
    CHECK(other->received.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(count(other->received, "Retry-After: 1\r\n") == 1);
    CHECK(f.server->counters().turnedAway == 1);
    CHECK(f.server->connectionCount() == 1);
}

TEST_CASE("http server: a held request is answered later", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send(get("/a") + get("/hold") + get("/behind"));
    f.untilReceived(*client, "/a\n");
    f.until([&] { return f.held != nullptr; });
    CHECK(f.asked.size() == 2);
    CHECK(f.server->mayHold());

    SECTION("with what comes behind it") {
        client->send(get("/more"));
        f.turn();
        f.timers.advance(19s); // other limits do not count
        CHECK(f.asked.size() == 2);
        f.held->reply(Fixture::text("told\n"));
        f.untilReceived(*client, "/more\n");
        CHECK(count(client->received, "told\n") == 1);
        CHECK(count(client->received, "/behind\n") == 1);
        CHECK(f.server->heldCount() == 0);
        f.timers.advance(api::kIdleLimit - 1ms);
        CHECK(f.server->connectionCount() == 1);
    }
    SECTION("when its time is over") {
        f.timers.advance(20s - 1ms);
        CHECK(f.server->heldCount() == 1);
        f.timers.advance(1ms);
        f.untilReceived(*client, "/behind\n");
        CHECK(count(client->received, "over\n") == 1);
    }
    SECTION("not if the client has gone") {
        client->reset();
        f.until([&] { return f.server->connectionCount() == 0; });
        CHECK(f.goneCount == 1);
    }
    SECTION("not if the client has finished sending: it waits for nothing any more") {
        client->finishSending();
        f.until([&] { return f.server->connectionCount() == 0; });
        CHECK(f.goneCount == 1);
    }
    SECTION("and what the client sends meanwhile is bounded") {
        const std::string flood(4 << 20, 'x'); // more than the sockets hold
        client->sendSome(flood);
        f.turn(200);
        client->sendSome(flood);
        f.turn(200);
        f.held->reply(Fixture::text("told\n"));
        f.untilClosed(*client);
        CHECK(count(client->received, "HTTP/1.1 414") == 1);
    }
    SECTION("on a connection that ends with it") {
        bool isDone = false;
        f.server->shutDown([&] { isDone = true; });
        CHECK_FALSE(isDone);
        f.held->reply(Fixture::text("told\n"));
        f.untilClosed(*client);
        CHECK(count(client->received, "Connection: close\r\n\r\ntold\n") == 1);
        client->finishSending();
        f.until([&] { return isDone; });
    }
}

TEST_CASE("http server: too many waiting answers are refused", "[workers][http]") {
    Fixture f{100, 0}; // how much of it the sockets take is the kernel's business
    std::vector<std::unique_ptr<Client>> slow;
    std::string requests;
    for (int i = 0; i < 300; ++i)
        requests += get("/middle");
    while (f.server->counters().responses[5] == 0) {
        REQUIRE(slow.size() < 90);
        const std::size_t before = f.asked.size();
        slow.push_back(std::make_unique<Client>(f.port, 4096));
        slow.back()->send(requests);
        f.until([&] { return f.asked.size() > before || f.server->counters().responses[5] > 0; });
        f.turn();
    }
    const auto other = f.connect();
    other->send(get("/a"));
    f.untilReceived(*other, "too many answers wait to be taken\n");
    CHECK(other->received.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(count(other->received, "Retry-After: 1\r\n") == 1);
    slow.clear();
    f.until([&] { return f.server->connectionCount() == 1; });
    other->send(get("/a"));
    f.untilReceived(*other, "/a\n");
}

TEST_CASE("http server: HEAD can be held", "[workers][http]") {
    Fixture f;
    const auto client = f.connect();
    client->send("HEAD /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    f.until([&] { return f.held != nullptr; });
    f.held->reply(Fixture::text("told\n"));
    f.untilReceived(*client, "\r\n\r\n");
    CHECK(count(client->received, "Content-Length: 5\r\n") == 1);
}

TEST_CASE("http server: streams", "[workers][http]") {
    Fixture f;
    const auto client = std::make_unique<Client>(f.port, 4096);
    client->send(get("/stream") + get("/behind"));
    f.untilReceived(*client, "Connection: close\r\n\r\nfirst\n");
    CHECK(count(client->received, "Content-Length") == 0);
    f.timers.advance(std::chrono::hours{1}); // no limit while nothing waits
    f.held->push(Fixture::share("second\n"));
    f.untilReceived(*client, "second\n");
    CHECK(f.asked.size() == 1);
    CHECK(f.server->heldCount() == 1);
    const auto big = Fixture::share(std::string(kBigBody, 'b'));

    SECTION("the client goes") {
        client->reset();
        f.until([&] { return f.server->connectionCount() == 0; });
        CHECK(f.goneCount == 1);
    }
    SECTION("the client hangs") {
        f.held->push(big);
        f.turn(200);
        CHECK(f.held->backlog() > 0);
        f.timers.advance(api::kWriteLimit - 1ms);
        CHECK(f.server->connectionCount() == 1);
        f.timers.advance(1ms);
        CHECK(f.server->connectionCount() == 0);
        CHECK(f.goneCount == 1);
    }
    SECTION("the client is slow, but alive") {
        f.held->push(big);
        std::size_t last = client->received.size();
        while (f.held->backlog() > 0) {
            f.timers.advance(api::kWriteLimit - 1ms);
            const std::size_t backlog = f.held->backlog();
            f.until([&] {
                client->receive();
                return f.held->backlog() < backlog;
            });
            REQUIRE(client->received.size() > last);
            last = client->received.size();
        }
        CHECK(f.server->connectionCount() == 1);
    }
    SECTION("the server ends it, with a last word") {
        f.held->push(big);
        f.held->push(Fixture::share("dropped\n"));
        f.held->finishStream(Fixture::share("last\n"));
        CHECK(f.server->heldCount() == 0);
        f.untilClosed(*client);
        CHECK(client->received.ends_with("blast\n"));
        CHECK(count(client->received, "dropped") == 0);
        client->finishSending();
        f.until([&] { return f.server->connectionCount() == 0; });
        CHECK(f.goneCount == 0);
    }
}

TEST_CASE("http server: shutting down finishes what is under way", "[workers][http]") {
    Fixture f;
    const auto idle = f.connect();
    idle->send(get("/a"));
    f.untilReceived(*idle, "/a\n");
    const auto half = f.connect();
    half->send("GET /half HTTP/1.1\r\n");
    const auto slow = std::make_unique<Client>(f.port, 4096);
    slow->send(get("/big"));
    f.until([&] { return f.asked.size() == 2; });
    f.turn();
    const auto justSent = f.connect();
    justSent->send(get("/just-sent"));

    bool isDone = false;
    f.server->shutDown([&] { isDone = true; });
    f.untilClosed(*idle);
    f.untilClosed(*justSent);
    CHECK(justSent->received.ends_with("Connection: close\r\n\r\n/just-sent\n"));
    half->send("Host: x\r\n\r\n");
    f.untilClosed(*half);
    CHECK(half->received.ends_with("Connection: close\r\n\r\n/half\n"));
    f.untilReceived(*slow, "bbbb");
    f.until([&] {
        slow->receive();
        return count(slow->received, "b") == kBigBody;
    });
    half->finishSending();
    justSent->finishSending();
    slow->finishSending();
    f.until([&] { return isDone; });
    CHECK(f.server->connectionCount() == 0);
    // Nobody is refused: who connects now waits for the successor.
    const Client successor{f.port};
    f.turn();
    CHECK(f.server->connectionCount() == 0);
}

TEST_CASE("http server: shutting down waits a moment for who has connected", "[workers][http]") {
    Fixture f;
    const auto asks = f.connect();
    const auto doesNot = f.connect();
    f.turn();
    bool isDone = false;
    f.server->shutDown([&] { isDone = true; });
    f.turn();
    CHECK(f.server->connectionCount() == 2);
    asks->send("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    f.untilClosed(*asks);
    CHECK(asks->received.ends_with("Connection: close\r\n\r\n/late\n"));
    asks->finishSending();
    f.until([&] { return f.server->connectionCount() == 1; });
    CHECK_FALSE(isDone);
    f.timers.advance(api::kLastRequestLimit);
    CHECK(isDone);
}

TEST_CASE("http server: shutting down has a limit", "[workers][http]") {
    Fixture f;
    const auto half = f.connect();
    half->send("GET /half");
    f.turn();
    bool isDone = false;
    f.server->shutDown([&] { isDone = true; });
    f.turn();
    CHECK_FALSE(isDone);
    f.timers.advance(api::kDrainLimit);
    CHECK(isDone);
    CHECK(f.server->connectionCount() == 0);

    Fixture empty;
    isDone = false;
    empty.server->shutDown([&] { isDone = true; });
    CHECK(isDone);
}

TEST_CASE("http server: many clients at once", "[workers][http]") {
    Fixture f{400};
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 300; ++i) {
        clients.push_back(std::make_unique<Client>(f.port));
        clients.back()->send(get("/" + std::to_string(i)));
        if (i % 3 == 0)
            clients.back()->reset();
    }
    for (std::size_t i = 0; i < clients.size(); ++i)
        if (i % 3 != 0)
            f.untilReceived(*clients[i], "\r\n\r\n/" + std::to_string(i) + "\n");
    f.until([&] { return f.server->connectionCount() == 200; });
}

TEST_CASE("http server: descriptors are reserved within the limits", "[workers][http]") {
    CHECK(worker::reserveDescriptors(1) == 1);
    CHECK(worker::reserveDescriptors(100) == 100);
}
