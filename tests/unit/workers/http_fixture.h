// SPDX-License-Identifier: MIT
// An HTTP server on loopback, and clients that never block.
#pragma once

#include "common/event_loop.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "workers/api-server/http_server.h"
#include "workers/api-server/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mmsd::test {

inline constexpr std::size_t kBigBody = 512 << 10; // more than the sockets hold
inline constexpr std::size_t kMiddleBody = api::OutputQueue::kShareFrom - 1; // copied
inline const IpAddress kLoopback = *IpAddress::parse("127.0.0.1");

/** A client that never blocks. */
class HttpClient {
public:
    explicit HttpClient(std::uint16_t port, int receiveBuffer = 0)
        : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
        if (receiveBuffer > 0)
            ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receiveBuffer,
                         sizeof receiveBuffer);
        sockaddr_storage address;
        const socklen_t length = InetEndpoint{kLoopback, port}.toSockaddr(address);
        REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    }

    /** False if the server has reset the connection. */
    bool send(const std::string& text) {
        return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    /** Sends what the sockets take now. */
    void sendSome(const std::string& text) {
        [[maybe_unused]] const ssize_t sent =
            ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    void finishSending() { ::shutdown(socket_.get(), SHUT_WR); }
    void reset() {
        const linger none{1, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
        socket_.reset();
    }

    void receive() {
        std::vector<char> buffer(1 << 20);
        ssize_t count = 0;
        while ((count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0)
            received.append(buffer.data(), static_cast<std::size_t>(count));
        isClosed = isClosed || count == 0 || (count < 0 && errno != EAGAIN);
    }

    std::string received;
    bool isClosed = false;

private:
    UniqueFd socket_;
};

/** A port on loopback that listens. */
class Listener {
public:
    Listener() : socket_{api::openListener({kLoopback, 0})} {
        api::prepareListener(socket_);
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
        port = InetEndpoint::fromSockaddr(reinterpret_cast<sockaddr*>(&address), length)->port;
    }
    UniqueFd take() { return std::move(socket_); }

    std::uint16_t port = 0;

private:
    UniqueFd socket_;
};

/** A server that answers with the path, or with kBigBody octets, or holds, or streams; its clock
 *  stands still. */
struct HttpFixture : private api::HttpServer::Handler {
    EventLoop loop;
    FakeTimerFactory timers;
    std::uint16_t port = 0;
    std::vector<std::string> asked;
    std::unique_ptr<api::HttpServer> server;

    api::HttpConnection* held = nullptr; ///< the last one that was held or streams
    int goneCount = 0;                   ///< of those

    explicit HttpFixture(std::size_t limit = 100, std::size_t backlogLimit = api::kMaxBacklog) {
        Listener listener;
        port = listener.port;
        server = std::make_unique<api::HttpServer>(loop, timers, listener.take(), limit,
                                                   static_cast<Handler&>(*this), backlogLimit);
    }
    HttpFixture(const HttpFixture&) = delete;
    HttpFixture& operator=(const HttpFixture&) = delete;

    void turn(int times = 20) {
        for (int i = 0; i < times; ++i)
            loop.poll();
    }
    /** Runs the loop until @p isDone; real time passes, the server's clock does not. */
    void until(const std::function<bool()>& isDone) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!isDone()) {
            loop.poll();
            REQUIRE(std::chrono::steady_clock::now() < deadline);
        }
    }
    void untilReceived(HttpClient& client, const std::string& end) {
        until([&] {
            client.receive();
            return client.received.ends_with(end);
        });
    }
    void untilClosed(HttpClient& client) {
        until([&] {
            client.receive();
            return client.isClosed;
        });
    }
    std::unique_ptr<HttpClient> connect() {
        const std::uint64_t before = server->counters().accepted;
        auto client = std::make_unique<HttpClient>(port);
        until([&] { return server->counters().accepted > before; });
        return client;
    }

    static api::PreparedResponsePtr text(std::string body) {
        return api::prepare(api::textResponse(200, std::move(body)));
    }
    static std::shared_ptr<const std::string> share(std::string text) {
        return std::make_shared<const std::string>(std::move(text));
    }

private:
    void respond(const api::HttpRequest& request, api::HttpConnection& connection) override {
        asked.push_back(request.method + " " + request.path);
        if (request.path == "/hold") {
            connection.hold(std::chrono::seconds{20});
            held = &connection;
        } else if (request.path == "/stream") {
            api::HttpResponse head;
            head.hasLength = false;
            connection.startStream(api::prepare(std::move(head)), {share("first\n")});
            held = &connection;
        } else {
            connection.reply(text(request.path == "/big"      ? std::string(kBigBody, 'b')
                                  : request.path == "/middle" ? std::string(kMiddleBody, 'm')
                                                              : request.path + "\n"));
        }
    }
    void onHoldOver(api::HttpConnection& connection) override { connection.reply(text("over\n")); }
    void onHeldClosed(api::HttpConnection& connection) noexcept override {
        ++goneCount;
        held = held == &connection ? nullptr : held;
    }
};

} // namespace mmsd::test
