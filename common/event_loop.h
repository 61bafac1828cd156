// SPDX-License-Identifier: MIT
// EventLoop: libevent's event_base behind RAII, and where exceptions of callbacks end.
#pragma once

#include <exception>
#include <functional>
#include <memory>

struct event_base;

namespace mmsd {

/** Owns one event_base. Single-threaded: every object bound to it lives on its thread. */
class EventLoop {
public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /** Dispatches until stop(); rethrows the first exception that left a callback. */
    void run();
    /** Dispatches what is ready now, without waiting; rethrows like run(). */
    void poll();
    void stop() noexcept;

    /** Runs @p callback and keeps what it throws for run(): C frames must not see exceptions. */
    void guard(const std::function<void()>& callback) noexcept;

    [[nodiscard]] event_base* base() noexcept { return base_.get(); }

private:
    struct Deleter {
        void operator()(event_base* base) const noexcept;
    };
    void dispatch(int flags);

    std::unique_ptr<event_base, Deleter> base_;
    std::exception_ptr failure_;
};

} // namespace mmsd
