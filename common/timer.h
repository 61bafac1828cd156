// SPDX-License-Identifier: MIT
// Timers behind an interface, so that tests drive the time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace mmsd {

class EventLoop;

/** A one-shot timer, cancelled by destruction. */
class Timer {
public:
    virtual ~Timer() = default;
    /** (Re)starts; fires once after @p delay (>= 0). */
    virtual void start(std::chrono::milliseconds delay) = 0;
    virtual void stop() noexcept = 0;
    [[nodiscard]] virtual bool isActive() const noexcept = 0;
};

/** Makes timers and tells the monotonic time that they run by. */
class TimerFactory {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    virtual ~TimerFactory() = default;
    /** The callback may destroy its timer as its last act. */
    [[nodiscard]] virtual std::unique_ptr<Timer> create(std::function<void()> onFire) = 0;
    [[nodiscard]] virtual TimePoint now() const = 0;
};

/** Timers on libevent. */
class EventTimerFactory final : public TimerFactory {
public:
    explicit EventTimerFactory(EventLoop& loop) : loop_{loop} {}
    [[nodiscard]] std::unique_ptr<Timer> create(std::function<void()> onFire) override;
    [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }

private:
    EventLoop& loop_;
};

} // namespace mmsd
