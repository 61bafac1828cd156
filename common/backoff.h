// SPDX-License-Identifier: MIT
// Pure rules for how long to wait before the next try.
#pragma once

#include <chrono>
#include <cstdint>

namespace mmsd {

/** Doubling delays: none for the first failure, then @c initial … @c maximum. */
class Backoff {
public:
    struct Limits {
        std::chrono::milliseconds initial;
        std::chrono::milliseconds maximum;
        /** A run at least this long forgives all failures before it. */
        std::chrono::milliseconds forgivenAfter;
    };

    explicit Backoff(Limits limits) noexcept : limits_{limits} {}

    /** @return delay before the next start, after a run of @p uptime ended in failure. */
    [[nodiscard]] std::chrono::milliseconds next(std::chrono::milliseconds uptime) noexcept;
    void reset() noexcept { failures_ = 0; }
    [[nodiscard]] std::uint32_t failures() const noexcept { return failures_; }

private:
    Limits limits_;
    std::uint32_t failures_ = 0;
};

/** Spreads @p delay evenly over [delay/2, delay]; @p random is any 32-bit random number. */
[[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds delay,
                                                 std::uint32_t random) noexcept;

} // namespace mmsd
