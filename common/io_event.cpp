// SPDX-License-Identifier: MIT
// IoEvent: readiness of one descriptor, cancelled by destruction.
#include "common/io_event.h"

#include "common/event_loop.h"
#include "common/sys_error.h"

#include <event2/event.h>

#include <new>
#include <utility>

namespace mmsd {

void IoEvent::Deleter::operator()(event* e) const noexcept {
    event_free(e);
}

IoEvent::IoEvent(EventLoop& loop, int fd, Callback callback)
    : loop_{loop}, fd_{fd}, callback_{std::move(callback)}, event_{event_new(loop.base(), fd,
                                                                             EV_PERSIST, onEvent,
                                                                             this)} {
    if (!event_)
        throw std::bad_alloc{};
}

IoEvent::~IoEvent() = default;

void IoEvent::watch(bool read, bool write) {
    const auto wanted = static_cast<short>((read ? EV_READ : 0) | (write ? EV_WRITE : 0));
    if (wanted == watched_)
        return;
    event_del(event_.get());
    watched_ = 0;
    if (wanted == 0)
        return;
    const auto flags = static_cast<short>(wanted | EV_PERSIST);
    if (event_assign(event_.get(), loop_.base(), fd_, flags, onEvent, this) != 0 ||
        event_add(event_.get(), nullptr) != 0)
        throwErrno("watch a descriptor");
    watched_ = wanted;
}

void IoEvent::onEvent(int, short what, void* self) noexcept {
    const auto& event = *static_cast<const IoEvent*>(self);
    // std::ref below keeps guard()'s std::function from allocating; the copy here lives on if the
    // callback destroys its event.
    const auto call = [callback = event.callback_, what] {
        callback((what & EV_READ) != 0, (what & EV_WRITE) != 0);
    };
    event.loop_.guard(std::ref(call));
}

} // namespace mmsd
