// SPDX-License-Identifier: MIT
// Patience: when a program that has not finished yet is to be given up. Pure.
#pragma once

#include <chrono>

namespace mmsd::haproxy {

/** Judges by the program's own CPU time, so that a machine that is busy with other things only
 *  makes it last longer. Against the clock, one that needs more than the limit would be ended and
 *  started over and over, and make the machine busier still. */
class Patience {
public:
    using Clock = std::chrono::steady_clock;

    /** HAProxy takes 2 s of CPU for 10 000 backends with 5 servers each; beyond this it hangs. */
    static constexpr std::chrono::seconds kMostCpu{60};
    /** One that waits for something gets none at all, one in line for a processor at least this
     *  much … */
    static constexpr std::chrono::milliseconds kProgress{200};
    /** … in this time. */
    static constexpr std::chrono::seconds kLongestStandstill{60};

    explicit Patience(Clock::time_point start) noexcept : progressAt_{start} {}

    /** To be asked now and then. @param cpu what the program has used so far */
    [[nodiscard]] bool isOver(Clock::time_point now, std::chrono::nanoseconds cpu) noexcept {
        if (cpu - cpuThen_ >= kProgress) {
            cpuThen_ = cpu;
            progressAt_ = now;
        }
        return cpu >= kMostCpu || now - progressAt_ >= kLongestStandstill;
    }

private:
    Clock::time_point progressAt_;
    std::chrono::nanoseconds cpuThen_{0};
};

} // namespace mmsd::haproxy
