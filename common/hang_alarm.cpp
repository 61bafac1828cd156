// SPDX-License-Identifier: MIT
// HangAlarm on alarm(2).
#include "common/hang_alarm.h"

#include "common/sys_error.h"

#include <unistd.h>

#include <csignal>

namespace mmsd {

namespace {

volatile std::sig_atomic_t secondsLeft = 0; ///< the last chance, for the signal handler

} // namespace

HangAlarm::HangAlarm(TimerFactory& timers, std::chrono::seconds limit,
                     std::chrono::seconds lastChance)
    : limit_{limit}, timer_{timers.create([this] { rearm(); })} {
    secondsLeft = static_cast<std::sig_atomic_t>(lastChance.count());
    rearm();
}

HangAlarm::~HangAlarm() {
    ::alarm(0);
    ::signal(SIGALRM, SIG_DFL);
}

void HangAlarm::rearm() {
    struct sigaction action {};
    action.sa_handler = [](int) { ::alarm(static_cast<unsigned>(secondsLeft)); };
    // The second one finds the default action: the end.
    action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
    if (::sigaction(SIGALRM, &action, nullptr) != 0)
        throwErrno("watch SIGALRM");
    ::alarm(static_cast<unsigned>(limit_.count()));
    timer_->start(std::chrono::milliseconds{limit_} / 6);
}

} // namespace mmsd
