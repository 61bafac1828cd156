// SPDX-License-Identifier: MIT
// The lists under /v1: apps, instances, service ports. Pure.
#pragma once

#include "workers/api-server/route.h"

namespace mmsd::api {

/** All app ids, sorted: one a line, or a JSON array of strings. */
[[nodiscard]] HttpResponse listApps(const Inquiry& inquiry, const ApiState& state,
                                    const ApiTime& now);

/** An app's serving instances, see renderInstanceList(); `portIndex`, `noresolve`, `withid`. */
[[nodiscard]] HttpResponse listInstances(const Inquiry& inquiry, const ApiState& state,
                                         const ApiTime& now);

/** An app's service ports by port index, 0 = none: one a line, or a JSON array of numbers. */
[[nodiscard]] HttpResponse listServicePorts(const Inquiry& inquiry, const ApiState& state,
                                            const ApiTime& now);

} // namespace mmsd::api
