// SPDX-License-Identifier: MIT
// The text of /metrics. Pure.
#pragma once

#include "workers/api-server/api_state.h"

#include <string>

namespace mmsd::api {

/** Everything that is known in Prometheus' text format 0.0.4: for each metric of each process's
 *  report `mmsd_NAME{process="…",…}`, and beside them what the supervisor says of the processes,
 *  refusals by rule, ages, readiness and the build. Families in the order of their names; a
 *  counter NAME_bucket with a label le is part of histogram NAME. */
[[nodiscard]] std::string renderMetrics(const ApiState& state, const ApiTime& now);

} // namespace mmsd::api
