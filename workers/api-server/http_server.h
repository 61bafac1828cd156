// SPDX-License-Identifier: MIT
// HttpServer: accepts clients of the API and bounds what they cost.
#pragma once

#include "common/io_event.h"
#include "common/timer.h"
#include "common/unique_fd.h"
#include "workers/api-server/http_connection.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace mmsd::api {

inline constexpr std::size_t kMaxConnections = 1'024;
/** Octets of answers that wait for all clients together; above it, new requests get a 503. */
inline constexpr std::size_t kMaxBacklog = std::size_t{64} << 20;
/** What shutDown() gives the requests under way. */
inline constexpr std::chrono::seconds kDrainLimit{2};

/** Owns the listener and all connections. */
class HttpServer final : private HttpConnection::Mediator {
public:
    using Responder = std::function<PreparedResponsePtr(const HttpRequest& request)>;
    struct Counters {
        std::uint64_t accepted = 0;
        std::uint64_t turnedAway = 0; ///< at the limit, with nobody idle
        /** Responses by the first digit of their status. */
        std::array<std::uint64_t, 6> responses{};
    };

    /** @param listener non-blocking, listening
     *  @param connectionLimit at least 1 */
    HttpServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
               std::size_t connectionLimit, Responder responder);
    ~HttpServer() override;
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /** Lets clients wait in the listener's queue until resume(), or for @p limit. */
    void pause(std::chrono::milliseconds limit);
    void resume();
    /** Accepts nobody any more (who waits in the queue is the successor's), finishes the requests
     *  under way, then calls @p done, at the latest after kDrainLimit. */
    void shutDown(std::function<void()> done);

    [[nodiscard]] std::size_t connectionCount() const noexcept { return connections_.size(); }
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    PreparedResponsePtr respond(const HttpRequest& request) override;
    void onRefused(int status) override;
    std::string_view date() override;
    void onBacklog(std::ptrdiff_t difference) noexcept override;
    void onClosed(HttpConnection& connection) override;

    void acceptSome();
    void welcome(UniqueFd socket);
    bool closeOldestIdle();
    void turnAway(const UniqueFd& socket);
    void count(int status);
    void finishIfEmpty();

    EventLoop& loop_;
    TimerFactory& timers_;
    UniqueFd listener_;
    std::size_t connectionLimit_;
    Responder responder_;
    Counters counters_;
    std::size_t backlog_ = 0;
    std::chrono::sys_seconds dateTime_{};
    std::string date_;
    std::function<void()> onDrained_;
    std::unique_ptr<Timer> resumeTimer_; ///< accepts again after running out of descriptors
    std::unique_ptr<Timer> drainTimer_;
    IoEvent listenEvent_;
    std::unordered_map<HttpConnection*, std::unique_ptr<HttpConnection>> connections_;
};

} // namespace mmsd::api
