// SPDX-License-Identifier: MIT
// Which app ports HAProxy serves, and why not the others. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/service.h"
#include "workers/runtime/port_exposure.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** What the settings say about exposing. */
struct ExposureRules {
    std::vector<std::string> groups{"*"};          ///< values of lb-group; "*" = all
    std::map<std::uint16_t, std::string> ownPorts; ///< ports that mmsd uses itself → what for
    bool hasChecks = true;                         ///< --enable-health-checks
    bool hasGateway = false;                       ///< --enable-gateway
};

/** Who holds what in the configuration in force; a holder is never pushed out by a newcomer.
 *  Hosts belong to proxy names. */
struct Claims {
    worker::PortHolders ports;
    VirtualHosts http;
    VirtualHosts tls;
};

/** Derives everything that HAProxy shall serve. Equal snapshots, rules and claims give equal
 *  models; with empty claims the older app version wins, then the smaller id.
 *  Source: CONTRACT sections 2 and 3. */
[[nodiscard]] Model expose(const protocol::Snapshot& snapshot, const ExposureRules& rules,
                           const Claims& claims);

} // namespace mmsd::haproxy
