// SPDX-License-Identifier: MIT
// Tasks from JSON. Pure.
#pragma once

#include "daemon/marathon/json_fields.h"
#include "daemon/marathon/marathon_app.h"

namespace mmsd::marathon {

/** Reads the tasks of an app that have not ended.
 *  @param checkCount health checks that the app declares; Marathon's verdict is over all of them */
[[nodiscard]] std::vector<MarathonTask> parseTasks(const JsonFields& app, std::size_t checkCount,
                                                   ProblemList& problems);

/** The state that a member names.
 *  @return nothing if the task has ended; staging, and a complaint, for a word not known */
[[nodiscard]] std::optional<protocol::TaskState> taskStateOf(const JsonFields& fields,
                                                             std::string_view member);

/** Host names, IPv4 and IPv6 addresses: what may stand in an address column of any output; also
 *  "". */
[[nodiscard]] bool isHostName(std::string_view text) noexcept;

} // namespace mmsd::marathon
