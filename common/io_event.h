// SPDX-License-Identifier: MIT
// IoEvent: readiness of one descriptor, cancelled by destruction.
#pragma once

#include <functional>
#include <memory>

struct event;

namespace mmsd {

class EventLoop;

/** Watches a descriptor it does not own; level-triggered. Member of the object that it wakes. */
class IoEvent {
public:
    using Callback = std::function<void(bool isReadable, bool isWritable)>;

    IoEvent(EventLoop& loop, int fd, Callback callback);
    ~IoEvent();
    IoEvent(const IoEvent&) = delete;
    IoEvent& operator=(const IoEvent&) = delete;

    /** Chooses what to wait for; neither cancels. The callback may destroy this object last. */
    void watch(bool read, bool write);
    void cancel() { watch(false, false); }

private:
    struct Deleter {
        void operator()(event* e) const noexcept;
    };
    static void onEvent(int fd, short what, void* self) noexcept;

    EventLoop& loop_;
    int fd_;
    Callback callback_;
    short watched_ = 0;
    std::unique_ptr<event, Deleter> event_;
};

} // namespace mmsd
