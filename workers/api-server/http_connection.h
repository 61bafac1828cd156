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
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::api {

/** From the first octet of a request to its last, however it trickles. */
inline constexpr std::chrono::seconds kRequestLimit{10};
/** Between two requests; before the first one it is kRequestLimit. */
inline constexpr std::chrono::seconds kIdleLimit{60};
/** For the first request of a client that connected just before the server ends. */
inline constexpr std::chrono::milliseconds kLastRequestLimit{200};
/** Until the client has taken an answer that did not fit into the socket; on a stream, until it
 *  has taken anything. */
inline constexpr std::chrono::seconds kWriteLimit{30};
/** For the rest of what a refused client sends, so that the answer is not lost with a reset. */
inline constexpr std::chrono::seconds kLingerLimit{2};

/** Owns the socket. Reads nothing while an answer waits to be taken, so a client costs a bounded
 *  amount of memory. Not libevent's evhttp: that sends bodies to HEAD, answers 501 instead of 405,
 *  accepts two different lengths, limits neither connections nor the time of a request (version
 *  2.1.12), and its buffers are not ours to add that to. */
class HttpConnection {
public:
    using List = std::list<std::unique_ptr<HttpConnection>>;

    /** What a connection needs from its server. */
    class Mediator {
    public:
        virtual ~Mediator() = default;
        /** Answers in here, by reply() or startStream(), or holds the request by hold(). */
        virtual void respond(const HttpRequest& request, HttpConnection& connection) = 0;
        /** The time of a held request is over: it must be answered in here. */
        virtual void onHoldOver(HttpConnection& connection) = 0;
        /** A response with that status is on its way. */
        virtual void onResponse(int status) = 0;
        /** It has begun or ended to be held, or to stream; or it has done something. */
        virtual void onMoved(HttpConnection& connection) noexcept = 0;
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

    /** True while it waits for something to happen here, not for its client. */
    [[nodiscard]] bool isHeld() const noexcept {
        return phase_ == Phase::Held || phase_ == Phase::Streaming;
    }

    /** Answers the request that is being responded to, or that is held. A held one may end the
     *  connection, and destroy it. */
    void reply(const PreparedResponsePtr& response);
    /** Keeps the request that is being responded to for reply(), at the latest in onHoldOver(). */
    void hold(std::chrono::milliseconds limit);
    /** Answers the request that is being responded to by a body that ends with the connection.
     *  @param first what the body begins with */
    void startStream(const PreparedResponsePtr& head,
                     const std::vector<std::shared_ptr<const std::string>>& first);
    /** Sends more of a stream's body. May end the connection, and destroy it. */
    void push(const std::shared_ptr<const std::string>& text);
    /** Drops what a stream's client has not taken, sends @p text and ends the connection, which
     *  may destroy it at once. */
    void finishStream(const std::shared_ptr<const std::string>& text);
    /** Octets that wait for this client. */
    [[nodiscard]] std::size_t backlog() const noexcept { return output_.size(); }

    /** Answers what has arrived, then closes; a request that is half there may still come in. */
    void drain();

    /** Where the server keeps it; the server's business. */
    struct Place {
        List* list = nullptr;
        List::iterator position{};
    } place;

private:
    enum class Phase : std::uint8_t { Reading, Writing, Held, Streaming, Lingering };

    void onReady(bool isReadable, bool isWritable);
    void onTimeout();
    void readSome();
    void readAhead();
    void watchHeld();
    void discardSome();
    void handle(std::string_view octets);
    std::size_t takeRequests(std::string_view octets);
    void refuse(int status, const std::string& reason);
    void queue(const PreparedResponsePtr& response, bool hasBody);
    bool flush();
    void afterWriting();
    void flushStream();
    void linger();
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
    bool isHeadRequest_ = false; ///< the last request wants no body

    std::string unhandled_; ///< pipelined octets behind a request that is not answered or taken yet
    OutputQueue output_;
    std::size_t reportedBacklog_ = 0;

    TimerFactory::TimePoint deadline_;
    bool hasAsked_ = false;
    bool isRequestTimed_ = false; ///< the deadline is that of the request under way
    std::unique_ptr<Timer> timer_;
    TimerFactory::TimePoint timerDue_;
    IoEvent event_;
};

} // namespace mmsd::api
