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

} // namespace mmsd::marathon
