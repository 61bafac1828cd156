// SPDX-License-Identifier: MIT
// Pure rules for how long to wait before the next try.
#include "common/backoff.h"

#include <algorithm>

namespace mmsd {

std::chrono::milliseconds Backoff::next(std::chrono::milliseconds uptime) noexcept {
    // Beyond this many doublings every delay is the maximum; it also keeps the product in range.
    constexpr std::uint32_t kDoublings = 31;

    if (uptime >= limits_.forgivenAfter)
        failures_ = 0;
    if (failures_++ == 0)
        return std::chrono::milliseconds::zero();
    failures_ = std::min(failures_, kDoublings + 2);
    return std::min(limits_.initial * (std::int64_t{1} << (failures_ - 2)), limits_.maximum);
}

std::chrono::milliseconds jittered(std::chrono::milliseconds delay, std::uint32_t random) noexcept {
    const std::chrono::milliseconds half = delay / 2;
    return half + std::chrono::milliseconds{std::int64_t{random} % ((delay - half).count() + 1)};
}

} // namespace mmsd
