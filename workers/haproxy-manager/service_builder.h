// SPDX-License-Identifier: MIT
// One app port to one Service: labels, checks and servers. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/service.h"

#include <vector>

namespace mmsd::haproxy {

/** Reads labels, check and instances of port @p index, whose service port is valid. A value that
 *  does not match its grammar is left out and told in @p refusals; the port is served without. */
[[nodiscard]] Service buildService(const protocol::App& app, std::uint16_t index, bool hasChecks,
                                   std::vector<protocol::Refusal>& refusals);

} // namespace mmsd::haproxy
