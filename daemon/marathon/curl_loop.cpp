// SPDX-License-Identifier: MIT
// CurlLoop: libcurl's multi interface driven by the event loop.
#include "daemon/marathon/curl_loop.h"

#include "daemon/marathon/http_request.h"

#include <curl/curl.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

namespace mmsd::marathon {

namespace {

/** Connections kept for reuse: four requests and the stream, to two masters. */
constexpr long kMaxConnections = 10;

} // namespace

void CurlLoop::initializeLibrary() {
    if (const CURLcode code = curl_global_init(CURL_GLOBAL_ALL); code != CURLE_OK)
        throw std::runtime_error{std::string{"libcurl: "} + curl_easy_strerror(code)};
}

CurlLoop::CurlLoop(EventLoop& loop, TimerFactory& timers)
    : loop_{loop}, timers_{timers}, multi_{curl_multi_init()}, timer_{timers.create([this] {
          act(CURL_SOCKET_TIMEOUT, 0);
      })} {
    if (multi_ == nullptr)
        throw std::bad_alloc{};
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, onSocket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, onTimer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxConnections);
}

CurlLoop::~CurlLoop() {
    curl_multi_cleanup(multi_);
}

int CurlLoop::onSocket(void*, int fd, int what, void* self, void*) noexcept {
    auto& loop = *static_cast<CurlLoop*>(self);
    loop.loop_.guard([&] {
        if (what == CURL_POLL_REMOVE) {
            loop.sockets_.erase(fd);
            return;
        }
        auto& event = loop.sockets_[fd];
        if (!event)
            event = std::make_unique<IoEvent>(
                loop.loop_, fd, [&loop, fd](bool isReadable, bool isWritable) {
                    loop.act(fd, (isReadable ? CURL_CSELECT_IN : 0) |
                                     (isWritable ? CURL_CSELECT_OUT : 0));
                });
        event->watch((what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
    });
    return 0;
}

int CurlLoop::onTimer(void*, long delayMs, void* self) noexcept {
    auto& loop = *static_cast<CurlLoop*>(self);
    loop.loop_.guard([&] {
        // Also for 0 ms: acting here would enter libcurl a second time.
        if (delayMs < 0)
            loop.timer_->stop();
        else
            loop.timer_->start(std::chrono::milliseconds{delayMs});
    });
    return 0;
}

void CurlLoop::add(void* easy) {
    if (const CURLMcode code = curl_multi_add_handle(multi_, easy); code != CURLM_OK)
        throw std::runtime_error{std::string{"libcurl: "} + curl_multi_strerror(code)};
}

void CurlLoop::remove(void* easy) noexcept {
    curl_multi_remove_handle(multi_, easy);
}

void CurlLoop::forget(const HttpRequest& request) noexcept {
    std::erase(ready_, &request);
}

void CurlLoop::act(int fd, int events) {
    int running = 0;
    const CURLMcode code = curl_multi_socket_action(multi_, fd, events, &running);
    if (code != CURLM_OK)
        throw std::runtime_error{std::string{"libcurl: "} + curl_multi_strerror(code)};
    handOver();
}

void CurlLoop::handOver() {
    collectFinished();
    while (!ready_.empty()) {
        HttpRequest& request = *ready_.front();
        ready_.pop_front();
        request.deliver();
    }
}

void CurlLoop::collectFinished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        void* request = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        static_cast<HttpRequest*>(request)->onTransferEnd(message->data.result);
    }
}

} // namespace mmsd::marathon
