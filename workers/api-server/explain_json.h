// SPDX-License-Identifier: MIT
// The text of /v1/explain. Pure.
#pragma once

#include "workers/api-server/route.h"

namespace mmsd::api {

/** Near names that a 404 tells at most. */
inline constexpr std::size_t kMaxNearNames = 10;

/** Answers /v1/explain/NAME with one JSON object:
 *  - app, version, generation, serving (instances), instances_total
 *  - labels: name, value (the app's own)
 *  - notes: process, rule, text (about the app as a whole)
 *  - ports: index, name, service_port, transports, serving, health_check (null or protocol, path),
 *    labels (name, value, from: "app" or "port"; the ones in force at this port), notes, outputs
 *  - outputs: kind, state (exposed, empty, pending, left_out, off), rule, reason (null where
 *    nothing stands in the way), places (where it is, or would be), and members of the kind's own
 *  - instances: task_id, agent_id, host, state, health, serving, verdict, reason, dns_name,
 *    endpoints (port_index, address, port)
 *  An unknown app: 404 with error, near (ids that may have been meant), and notes (what processes
 *  refused of it). */
[[nodiscard]] HttpResponse explainApp(const Inquiry& inquiry, const ApiState& state,
                                      const ApiTime& now);

} // namespace mmsd::api
