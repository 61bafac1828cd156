// SPDX-License-Identifier: MIT
// HttpConnection: one client of the API.
#pragma once

#include "common/io_event.h"
#include "common/timer.h"
#include "common/unique_fd.h"
#include "workers/api-server/http_request_parser.h"
#include "workers/api-server/http_response.h"
#include "workers/api-server/output_queue.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mmsd::api {

/** From the first octet of a request to its last, however it trickles. */
inline constexpr std::chrono::seconds kRequestLimit{10};
/** Between two requests; before the first one it is kRequestLimit. */
inline constexpr std::chrono::seconds kIdleLimit{60};
/** Until the client has taken an answer that did not fit into the socket. */
inline constexpr std::chrono::seconds kWriteLimit{30};
/** For the rest of what a refused client sends, so that the answer is not lost with a reset. */
inline constexpr std::chrono::seconds kLingerLimit{2};

/** Owns the socket. Reads nothing while an answer waits to be taken, so a client costs a bounded
 *  amount of memory. Not libevent's evhttp: that sends bodies to HEAD, answers 501 instead of 405,
 *  accepts two different lengths, limits neither connections nor the time of a request (version
 *  2.1.12), and its buffers are not ours to add that to. */
class HttpConnection {
public:
    /** What a connection needs from its server. */
    class Mediator {
    public:
        virtual ~Mediator() = default;
        [[nodiscard]] virtual PreparedResponsePtr respond(const HttpRequest& request) = 0;
        /** A request that was refused before anyone looked at what it asked for. */
        virtual void onRefused(int status) = 0;
        /** For the Date field; valid until the next call. */
        [[nodiscard]] virtual std::string_view date() = 0;
        /** The octets that wait for this client changed by @p difference. */
        virtual void onBacklog(std::ptrdiff_t difference) noexcept = 0;
        /** Last call: the server destroys the connection in it. */
        virtual void onClosed(HttpConnection& connection) = 0;
    };

    /** @param socket non-blocking */
    HttpConnection(EventLoop& loop, TimerFactory& timers, UniqueFd socket, Mediator& mediator);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    /** True between requests: closing it now loses nothing. */
    [[nodiscard]] bool isIdle() const noexcept;
    [[nodiscard]] TimerFactory::TimePoint idleSince() const noexcept { return idleSince_; }

    /** Answers what has arrived, then closes; a request that is half there may still come in. */
    void drain();

private:
    enum class Phase : std::uint8_t { Reading, Writing, Lingering };

    void onReady(bool isReadable, bool isWritable);
    void onTimeout();
    void readSome();
    void discardSome();
    void handle(std::string_view octets);
    std::size_t takeRequests(std::string_view octets);
    void queue(const PreparedResponsePtr& response, bool hasBody);
    bool flush();
    void afterWriting();
    void setDeadline(std::chrono::milliseconds fromNow);
    void endIfOver();

    TimerFactory& timers_;
    UniqueFd socket_;
    Mediator& mediator_;
    HttpRequestParser parser_;
    Phase phase_ = Phase::Reading;
    bool isDraining_ = false;
    bool closesAfterWriting_ = false;
    bool isOver_ = false;

    std::string unhandled_; ///< pipelined octets behind an answer that is not taken yet
    OutputQueue output_;
    std::size_t reportedBacklog_ = 0;

    TimerFactory::TimePoint idleSince_;
    TimerFactory::TimePoint deadline_;
    bool isRequestTimed_ = false; ///< the deadline is that of the request under way
    std::unique_ptr<Timer> timer_;
    TimerFactory::TimePoint timerDue_;
    IoEvent event_;
};

} // namespace mmsd::api
