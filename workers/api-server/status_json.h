// SPDX-License-Identifier: MIT
// The text of /v1/status. Pure.
#pragma once

#include "workers/api-server/api_state.h"

#include <cstddef>
#include <string>

namespace mmsd::api {

/** Problems listed at most; the rest is counted. */
inline constexpr std::size_t kMaxListedProblems = 1'000;

/** One JSON object:
 *  - version, protocol, host (the node's name)
 *  - ready, reasons (why not), notes: as /readyz has them
 *  - snapshot: null, or generation, cause, observed_age_seconds, applied_age_seconds, apps,
 *    instances, serving_instances
 *  - supervisor_generation: the newest that the supervisor holds; null if it has said nothing yet
 *  - watcher: null, or connected, state, text (which master, or what failed), state_stale (nothing
 *    confirmed by Marathon since its start), state_confirmed_age_seconds, last_byte_age_seconds
 *    (of the event stream)
 *  - processes: for each name, phase, pid, generation, restarts, uptime_seconds,
 *    applied_age_seconds, last_result, report_age_seconds, metrics (name, labels, value)
 *  - refusals: process, app, port_index (null = the whole app), reason, rule, partial (the
 *    port is served all the same); refusals_omitted
 *  - problems of apps as the watcher found them: app, port_index, text; problems_omitted
 *  Ages and times are seconds; null where there is none. */
[[nodiscard]] std::string renderStatus(const ApiState& state, const ApiTime& now);

} // namespace mmsd::api
