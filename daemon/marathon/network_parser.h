// SPDX-License-Identifier: MIT
// The network part of an app from JSON. Pure.
#pragma once

#include "daemon/marathon/instance_resolver.h"
#include "daemon/marathon/json_fields.h"
#include "daemon/marathon/label_filter.h"

namespace mmsd::marathon {

/** Reads networks, container, ipAddress, portDefinitions and ports of an app. Labels of ports are
 *  only collected: LabelFilter::apply() fills them in, and the result must not move before. */
void parseNetwork(const JsonFields& app, NetworkDefinition& out, LabelFilter& labels,
                  ProblemList& problems);

} // namespace mmsd::marathon
