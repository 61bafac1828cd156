// SPDX-License-Identifier: MIT
// Durations that apps and pods declare alike, held to what a snapshot and our clocks can carry.
#pragma once

#include "daemon/marathon/json_fields.h"

#include <chrono>

namespace mmsd::marathon {

/** Reads gracePeriodSeconds, intervalSeconds, timeoutSeconds and maxConsecutiveFailures; what is
 *  missing keeps the default of @p check.
 *  @return the grace period, which may be longer than a snapshot can tell */
std::chrono::milliseconds parseCheckTiming(const JsonFields& fields, protocol::HealthCheck& check);

/** How long an unreachable instance that served is kept: CONTRACT section 2.
 *  @param strategy `unreachableStrategy` */
[[nodiscard]] std::chrono::milliseconds parseUnreachableHold(JsonValue strategy,
                                                             ProblemList& problems);

} // namespace mmsd::marathon
