// SPDX-License-Identifier: MIT
// Cause: why something is fetched or published, and since when it is known.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mmsd::marathon {

struct Cause {
    std::string text; ///< "status_update_event /a/b", "resync", …
    /** CLOCK_REALTIME, µs: when the change was learned of; for convergence times. */
    std::uint64_t observedAtUs = 0;

    [[nodiscard]] static Cause now(std::string text) {
        const auto time = std::chrono::system_clock::now().time_since_epoch();
        return {std::move(text),
                static_cast<std::uint64_t>(
                    std::chrono::duration_cast<std::chrono::microseconds>(time).count())};
    }
};

} // namespace mmsd::marathon
