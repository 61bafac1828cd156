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

namespace mmsd::api {

inline constexpr std::size_t kMaxConnections = 4'096;
/** Octets of copied answers that wait for all clients together; above it, new requests get a
 *  503. */
inline constexpr std::size_t kMaxBacklog = std::size_t{16} << 20;
/** What shutDown() gives the requests under way. */
inline constexpr std::chrono::seconds kDrainLimit{2};

/** Owns the listener and all connections. At the limit of connections, who has not completed a
 *  request for longest makes room: under a flood of slow clients these are the slow ones, so that
 *  a newcomer is always served. Held requests and streams have half of the room and keep it. */
class HttpServer final : private HttpConnection::Mediator {
public:
    /** What answers. */
    class Handler {
    public:
        virtual ~Handler() = default;
        /** See HttpConnection::Mediator. */
        virtual void respond(const HttpRequest& request, HttpConnection& connection) = 0;
        virtual void onHoldOver(HttpConnection& connection) = 0;
        /** A client has gone whose request is held, or who reads a stream. */
        virtual void onHeldClosed(HttpConnection& connection) noexcept = 0;
    };
    struct Counters {
        std::uint64_t accepted = 0;
        std::uint64_t evicted = 0;    ///< at the limit, to make room
        std::uint64_t turnedAway = 0; ///< at the limit, with nobody to make room
        /** Responses by the first digit of their status. */
        std::array<std::uint64_t, 6> responses{};
    };

    /** @param listener non-blocking, listening
     *  @param connectionLimit at least 1
     *  @param handler         outlives the server
     *  @param backlogLimit    octets of copied answers that may wait for all clients together */
    HttpServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
               std::size_t connectionLimit, Handler& handler,
               std::size_t backlogLimit = kMaxBacklog);
    ~HttpServer() override;
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /** Lets clients wait in the listener's queue until resume(), or for @p limit. */
    void pause(std::chrono::milliseconds limit);
    void resume();
    /** Accepts nobody any more (who waits in the queue is the successor's), finishes the requests
     *  under way, then calls @p done, at the latest after kDrainLimit. */
    void shutDown(std::function<void()> done);

    [[nodiscard]] std::size_t connectionCount() const noexcept {
        return active_.size() + held_.size();
    }
    [[nodiscard]] std::size_t heldCount() const noexcept { return held_.size(); }
    /** False if another held request or stream would take too much of the room. */
    [[nodiscard]] bool mayHold() const noexcept { return held_.size() < connectionLimit_ / 2; }
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    void respond(const HttpRequest& request, HttpConnection& connection) override;
    void onHoldOver(HttpConnection& connection) override;
    void onResponse(int status) override;
    void onMoved(HttpConnection& connection) noexcept override;
    std::string_view date() override;
    void onBacklog(std::ptrdiff_t difference) noexcept override;
    void onClosed(HttpConnection& connection) override;

    void acceptSome();
    void welcome(UniqueFd socket);
    void turnAway(const UniqueFd& socket);
    void finishIfEmpty();

    EventLoop& loop_;
    TimerFactory& timers_;
    UniqueFd listener_;
    std::size_t connectionLimit_;
    std::size_t backlogLimit_;
    Handler& handler_;
    Counters counters_;
    std::size_t backlog_ = 0;
    std::chrono::sys_seconds dateTime_{};
    std::string date_;
    std::function<void()> onDrained_;
    std::unique_ptr<Timer> resumeTimer_; ///< accepts again after running out of descriptors
    std::unique_ptr<Timer> drainTimer_;
    IoEvent listenEvent_;
    HttpConnection::List active_; ///< who has not completed a request for longest comes first
    HttpConnection::List held_;
};

} // namespace mmsd::api
