// SPDX-License-Identifier: MIT
// DriftWatch: counts what a resync found although no event told of it.
#pragma once

#include "common/log.h"
#include "common/timer.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace mmsd::marathon {

/** While the event stream is open and a whole answer has been taken beside it, each change should
 *  be told by an event. What a further answer finds beyond that is drift: events that Marathon did
 *  not send or that were lost. */
class DriftWatch {
public:
    /** Events may come later than the answer that has their effect already. */
    static constexpr std::chrono::milliseconds kEventDelay{5'000};

    /** @param drifted counts apps; outlives this object */
    DriftWatch(TimerFactory& timers, std::uint64_t& drifted)
        : drifted_{drifted}, timer_{timers.create([this] { count(); })} {}

    /** A whole answer was taken that was asked for beside the open stream. */
    void begin() noexcept { isInStep_ = true; }
    /** The stream ended, or something was told that names no app: the next answer may differ. */
    void end() noexcept { isInStep_ = false; }
    [[nodiscard]] bool isInStep() const noexcept { return isInStep_; }
    /** An answer changed that app, and it is not being asked for by itself. */
    void suspect(const std::string& id) {
        suspects_.insert(id);
        if (!timer_->isActive())
            timer_->start(kEventDelay);
    }
    /** An event names that app. */
    void clear(const std::string& id) { suspects_.erase(id); }

private:
    void count() {
        if (suspects_.empty())
            return;
        drifted_ += suspects_.size();
        logWarning("drift: a resync found changes that no event told of",
                   {{"apps", suspects_.size()}, {"first", *suspects_.begin()}});
        suspects_.clear();
    }

    std::uint64_t& drifted_;
    bool isInStep_ = false;
    std::set<std::string> suspects_;
    std::unique_ptr<Timer> timer_;
};

} // namespace mmsd::marathon
