// SPDX-License-Identifier: MIT
// Timers on libevent.
#include "common/timer.h"

#include "common/event_loop.h"
#include "common/sys_error.h"

#include <event2/event.h>

#include <algorithm>
#include <new>
#include <utility>

namespace mmsd {

namespace {

class EventTimer final : public Timer {
public:
    EventTimer(EventLoop& loop, std::function<void()> onFire)
        : loop_{loop}, onFire_{std::move(onFire)}, event_{
                                                       event_new(loop.base(), -1, 0, onEvent, this),
                                                       &event_free} {
        if (!event_)
            throw std::bad_alloc{};
    }

    void start(std::chrono::milliseconds delay) override {
        const auto count = std::max<std::int64_t>(delay.count(), 0);
        const timeval when{count / 1000, (count % 1000) * 1000};
        if (event_add(event_.get(), &when) != 0)
            throwErrno("start a timer");
    }
    void stop() noexcept override { event_del(event_.get()); }
    [[nodiscard]] bool isActive() const noexcept override {
        return event_pending(event_.get(), EV_TIMEOUT, nullptr) != 0;
    }

private:
    static void onEvent(int, short, void* self) noexcept {
        const auto& timer = *static_cast<const EventTimer*>(self);
        // A copy: the callback may destroy its timer.
        const std::function<void()> onFire = timer.onFire_;
        timer.loop_.guard(onFire);
    }

    EventLoop& loop_;
    std::function<void()> onFire_;
    std::unique_ptr<event, decltype(&event_free)> event_;
};

} // namespace

std::unique_ptr<Timer> EventTimerFactory::create(std::function<void()> onFire) {
    return std::make_unique<EventTimer>(loop_, std::move(onFire));
}

} // namespace mmsd
