// SPDX-License-Identifier: MIT
// FakeTimerFactory: timers that run when a test says so.
#pragma once

#include "common/timer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace mmsd::test {

/** Owns a clock that stands still until advance(). Outlives the timers that it made. */
class FakeTimerFactory final : public TimerFactory {
public:
    [[nodiscard]] std::unique_ptr<Timer> create(std::function<void()> onFire) override;
    [[nodiscard]] TimePoint now() const override { return now_; }

    /** Moves the clock and fires what becomes due, in order of due time, then of start; each
     *  callback sees now() as its own due time. What callbacks start counts if it is due, too.
     *  Lets exceptions of callbacks out. */
    void advance(std::chrono::milliseconds delta);
    /** Advances to the next due timer and fires it. @return false if none is active */
    bool fireNext();
    /** Moves the clock without firing, as if the process had been stopped. */
    void skip(std::chrono::milliseconds delta) { now_ += delta; }

    [[nodiscard]] std::size_t activeCount() const noexcept;
    /** @return time until the next timer fires (0 if overdue), nothing if none is active */
    [[nodiscard]] std::optional<std::chrono::milliseconds> nextDelay() const noexcept;

private:
    class FakeTimer;

    /** @return the next timer to fire, null if none is active */
    [[nodiscard]] FakeTimer* next() const noexcept;

    /** Not at zero: code that takes zero for "never" must not pass by luck. */
    TimePoint now_{std::chrono::hours{1}};
    std::uint64_t starts_ = 0;
    std::vector<FakeTimer*> timers_;
};

} // namespace mmsd::test
