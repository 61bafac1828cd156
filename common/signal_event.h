// SPDX-License-Identifier: MIT
// SignalEvent: a signal delivered through the event loop.
#pragma once

#include <functional>
#include <memory>

struct event;

namespace mmsd {

class EventLoop;

/** Delivers one signal number to a callback; cancelled by destruction. */
class SignalEvent {
public:
    SignalEvent(EventLoop& loop, int signal, std::function<void()> callback);
    ~SignalEvent();
    SignalEvent(const SignalEvent&) = delete;
    SignalEvent& operator=(const SignalEvent&) = delete;

private:
    struct Deleter {
        void operator()(event* e) const noexcept;
    };
    static void onEvent(int signal, short what, void* self) noexcept;

    EventLoop& loop_;
    std::function<void()> callback_;
    std::unique_ptr<event, Deleter> event_;
};

} // namespace mmsd
