// SPDX-License-Identifier: MIT
// SignalEvent: a signal delivered through the event loop.
#include "common/signal_event.h"

#include "common/event_loop.h"
#include "common/sys_error.h"

#include <event2/event.h>

#include <utility>

namespace mmsd {

void SignalEvent::Deleter::operator()(event* e) const noexcept {
    event_free(e);
}

SignalEvent::SignalEvent(EventLoop& loop, int signal, std::function<void()> callback)
    : loop_{loop}, callback_{std::move(callback)}, event_{event_new(loop.base(), signal,
                                                                    EV_SIGNAL | EV_PERSIST, onEvent,
                                                                    this)} {
    if (!event_ || event_add(event_.get(), nullptr) != 0)
        throwErrno("watch a signal");
}

SignalEvent::~SignalEvent() = default;

void SignalEvent::onEvent(int, short, void* self) noexcept {
    const auto& event = *static_cast<const SignalEvent*>(self);
    // A copy: the callback may destroy its event.
    const std::function<void()> callback = event.callback_;
    event.loop_.guard(callback);
}

} // namespace mmsd
