// SPDX-License-Identifier: MIT
// HangAlarm: nobody outlives the supervisor by not looking.
#pragma once

#include "common/timer.h"

#include <chrono>
#include <memory>

namespace mmsd {

/** While it lives, SIGALRM ends the process once its event loop has not turned for some time. A
 *  process that hangs is killed by the supervisor long before; but when that is gone, it would not
 *  see the end of its channel, and root without CAP_KILL cannot have the kernel send it a signal
 *  then (PR_SET_PDEATHSIG). A process that was paused, as a container can be, has not hung: after
 *  the limit there is a last chance to turn. Takes SIGALRM; children do not inherit the alarm. */
class HangAlarm {
public:
    /** @param limit      well above what a turn may take
     *  @param lastChance what follows it
     *  @throws SysError */
    explicit HangAlarm(TimerFactory& timers, std::chrono::seconds limit = std::chrono::seconds{60},
                       std::chrono::seconds lastChance = std::chrono::seconds{5});
    ~HangAlarm();
    HangAlarm(const HangAlarm&) = delete;
    HangAlarm& operator=(const HangAlarm&) = delete;

private:
    void rearm();

    std::chrono::seconds limit_;
    std::unique_ptr<Timer> timer_;
};

} // namespace mmsd
