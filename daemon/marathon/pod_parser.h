// SPDX-License-Identifier: MIT
// Pods from the JSON of /v2/pods/::status. Pure.
#pragma once

#include "daemon/marathon/marathon_app.h"

#include <string_view>

namespace mmsd::marathon {

/** Parses one PodStatus into an app without service ports: one port per endpoint of the spec, in
 *  the order of its containers and their endpoints; one task per pod instance. Endpoints of
 *  instances are found by the names of container and endpoint, as their order is not kept. Source:
 *  Marathon's API, 1.4 to 1.10.
 *  @throws JsonError if the text is no JSON, UnusableApp if it is no pod */
[[nodiscard]] MarathonApp parsePod(std::string_view json);

} // namespace mmsd::marathon
