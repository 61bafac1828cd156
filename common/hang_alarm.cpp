// SPDX-License-Identifier: MIT
// HangAlarm on alarm(2).
#include "common/hang_alarm.h"

#include <unistd.h>

namespace mmsd {

HangAlarm::HangAlarm(TimerFactory& timers, std::chrono::seconds limit)
    : limit_{limit}, timer_{timers.create([this] { rearm(); })} {
    rearm();
}

HangAlarm::~HangAlarm() {
    ::alarm(0);
}

void HangAlarm::rearm() {
    ::alarm(static_cast<unsigned>(limit_.count()));
    timer_->start(limit_ / 6);
}

} // namespace mmsd
