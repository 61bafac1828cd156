// SPDX-License-Identifier: MIT
// The haproxy-manager's cage, which HAProxy and the operator's commands inherit.
#pragma once

#include "workers/runtime/sandbox.h"

namespace mmsd::haproxy {

/** No core dumps, and a denylist instead of the usual allowlist: HAProxy's needs are its own.
 *  No Landlock: the operator's commands may have to reach anything. @throws if a step fails */
worker::SandboxState lockIn();

} // namespace mmsd::haproxy
