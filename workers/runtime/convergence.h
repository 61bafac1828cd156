// SPDX-License-Identifier: MIT
// ConvergenceHistogram: how long a change takes from its discovery to an output.
#pragma once

#include "protocol/control_messages.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mmsd::worker {

/** A Prometheus histogram in seconds, sent as the counters convergence_seconds_bucket{le="…"},
 *  convergence_seconds_sum and convergence_seconds_count. */
class ConvergenceHistogram {
public:
    /** Upper bounds: from one quiet change (a few ms) to a reload that had to wait. */
    static constexpr std::array<double, 12> kBounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                    0.5,   1,    2.5,   5,    10,  30};

    /** @param time from the change's discovery to its being applied; below 0 (a clock that was
     *  set back) counts as 0 */
    void observe(std::chrono::microseconds time) noexcept;
    void appendMetrics(std::vector<protocol::Metric>& metrics) const;

private:
    std::array<std::uint64_t, kBounds.size()> counts_{}; ///< not cumulative
    std::uint64_t total_ = 0;
    double sum_ = 0; ///< seconds
};

} // namespace mmsd::worker
