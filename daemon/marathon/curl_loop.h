// SPDX-License-Identifier: MIT
// CurlLoop: libcurl's multi interface driven by the event loop.
#pragma once

#include "common/event_loop.h"
#include "common/io_event.h"
#include "common/timer.h"

#include <deque>
#include <memory>
#include <unordered_map>

namespace mmsd::marathon {

class HttpRequest;

/** Owns libcurl's multi handle with its connections. All callbacks of requests run outside of
 *  libcurl's own, so they may start and destroy requests. Outlives its requests. */
class CurlLoop {
public:
    /** Before the sandbox: libcurl and OpenSSL read files when they start. */
    static void initializeLibrary();

    CurlLoop(EventLoop& loop, TimerFactory& timers);
    ~CurlLoop();
    CurlLoop(const CurlLoop&) = delete;
    CurlLoop& operator=(const CurlLoop&) = delete;

    [[nodiscard]] TimerFactory& timers() noexcept { return timers_; }

private:
    friend class HttpRequest;
    static int onSocket(void* easy, int fd, int what, void* self, void* socket) noexcept;
    static int onTimer(void* multi, long delayMs, void* self) noexcept;

    void add(void* easy);
    void remove(void* easy) noexcept;
    /** Has the request deliver when libcurl has returned. */
    void wake(HttpRequest& request) { ready_.push_back(&request); }
    void forget(const HttpRequest& request) noexcept;
    void act(int fd, int events);
    /** Delivers what libcurl has left with the requests; never inside libcurl. */
    void handOver();
    void collectFinished();

    EventLoop& loop_;
    TimerFactory& timers_;
    void* multi_; ///< CURLM
    std::unordered_map<int, std::unique_ptr<IoEvent>> sockets_;
    std::unique_ptr<Timer> timer_;
    std::deque<HttpRequest*> ready_;
};

} // namespace mmsd::marathon
