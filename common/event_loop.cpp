// SPDX-License-Identifier: MIT
// EventLoop: libevent's event_base behind RAII, and where exceptions of callbacks end.
#include "common/event_loop.h"

#include "common/log.h"
#include "common/sys_error.h"

#include <event2/event.h>

#include <new>
#include <utility>

namespace mmsd {

namespace {

void logLibevent(int severity, const char* message) noexcept {
    log(severity == EVENT_LOG_ERR ? LogLevel::Error : LogLevel::Warning, "libevent complains",
        {{"text", message}});
}

} // namespace

void EventLoop::Deleter::operator()(event_base* base) const noexcept {
    event_base_free(base);
}

EventLoop::EventLoop() {
    event_set_log_callback(logLibevent);
    const std::unique_ptr<event_config, decltype(&event_config_free)> config{event_config_new(),
                                                                             &event_config_free};
    if (!config)
        throw std::bad_alloc{};
    // The environment must not choose the backend: the system call filters know epoll only.
    // Without the time cache, a timer started late in a long callback is not short by its length.
    event_config_set_flag(config.get(), EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NO_CACHE_TIME);
    base_.reset(event_base_new_with_config(config.get()));
    if (!base_)
        throwErrno("create an event loop");
}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
    dispatch(EVLOOP_NO_EXIT_ON_EMPTY);
}

void EventLoop::poll() {
    dispatch(EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void EventLoop::stop() noexcept {
    event_base_loopbreak(base_.get());
}

void EventLoop::guard(const std::function<void()>& callback) noexcept {
    try {
        callback();
    } catch (...) {
        if (!failure_)
            failure_ = std::current_exception();
        stop();
    }
}

void EventLoop::dispatch(int flags) {
    if (!failure_ && event_base_loop(base_.get(), flags) < 0)
        throwErrno("wait for events");
    if (failure_)
        std::rethrow_exception(std::exchange(failure_, nullptr));
}

} // namespace mmsd
