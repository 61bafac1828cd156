// SPDX-License-Identifier: MIT
// ConvergenceHistogram: how long a change takes from its discovery to an output.
#include "workers/runtime/convergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace mmsd::worker {

void ConvergenceHistogram::observe(std::chrono::microseconds time) noexcept {
    const double seconds = std::max(std::chrono::duration<double>{time}.count(), 0.0);
    const auto* const bound = std::ranges::lower_bound(kBounds, seconds);
    if (bound != kBounds.end())
        ++counts_[static_cast<std::size_t>(bound - kBounds.begin())];
    ++total_;
    sum_ += seconds;
}

void ConvergenceHistogram::appendMetrics(std::vector<protocol::Metric>& metrics) const {
    using enum protocol::Metric::Kind;
    const auto addBucket = [&metrics](std::string bound, std::uint64_t count) {
        metrics.push_back({"convergence_seconds_bucket",
                           Counter,
                           {{"le", std::move(bound)}},
                           static_cast<double>(count)});
    };
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i)
        addBucket(fmt::format("{}", kBounds[i]), cumulative += counts_[i]);
    addBucket("+Inf", total_);
    metrics.push_back({"convergence_seconds_sum", Counter, {}, sum_});
    metrics.push_back({"convergence_seconds_count", Counter, {}, static_cast<double>(total_)});
}

} // namespace mmsd::worker
