// SPDX-License-Identifier: MIT
// The settings that say what is exposed, as values: for who exposes and for who explains. Pure.
#pragma once

#include "protocol/settings.h"
#include "workers/runtime/port_exposure.h"

namespace mmsd::worker {

/** @param settings of a process that exposes ports, or explains why not */
[[nodiscard]] PortRules makePortRules(Transport transport, const protocol::Settings& settings);

} // namespace mmsd::worker
