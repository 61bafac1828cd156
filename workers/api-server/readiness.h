// SPDX-License-Identifier: MIT
// Whether this node's outputs can be trusted, and why not. Pure.
#pragma once

#include "workers/api-server/api_state.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::api {

// Thresholds; README names them.
/** Of the last whole answer of Marathon: two resyncs with their jitter may fail, not a third. */
[[nodiscard]] std::chrono::milliseconds
confirmationLimit(std::chrono::milliseconds resyncInterval) noexcept;
/** For a process to come up, and for a worker to apply a newer state. */
inline constexpr std::chrono::seconds kProcessLimit{15};
/** Between two reports of a process; they come every 5 or 10 s. */
inline constexpr std::chrono::seconds kReportLimit{45};
/** Between two words of the supervisor, which come at least with every worker's report. */
inline constexpr std::chrono::seconds kSupervisorLimit{30};

/** One thing that is wrong. */
struct Reason {
    std::string_view code; ///< "no_state", "stale", "unconfirmed", "unreachable", "process", …
    std::string process;   ///< whose fault it is; "" = of none alone
    std::string text;
};

struct Readiness {
    std::vector<Reason> reasons; ///< why not ready; empty = ready
    std::vector<Reason> notes;   ///< what is wrong, but not that wrong

    [[nodiscard]] bool isReady() const noexcept { return reasons.empty(); }
};

/** Keeps ApiState::behindSince after a word of the supervisor. */
void trackLag(ApiState& state, std::chrono::microseconds now);

/** Ready = a state that Marathon confirmed recently, applied by every enabled worker. */
[[nodiscard]] Readiness assessReadiness(const ApiState& state, const ApiTime& now);

/** Healthy = this process answers, and the supervisor has spoken to it lately. Says nothing of
 *  Marathon: who restarts what is not healthy would help nobody by it. */
[[nodiscard]] std::vector<Reason> assessHealth(const ApiState& state, const ApiTime& now);

} // namespace mmsd::api
