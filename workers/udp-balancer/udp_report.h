// SPDX-License-Identifier: MIT
// The counters of the UDP balancer as metrics. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "workers/udp-balancer/counters.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mmsd::udp {

/** What is told of one service. */
struct ServiceReport {
    std::string appId;
    std::uint16_t servicePort = 0;
    Counters counters;
    std::uint64_t queueOverflows = 0; ///< dropped by the kernel before we saw them
    std::uint32_t sessions = 0;
    std::uint64_t evictedSessions = 0;
};

/** Sums over all services first, then each service by itself, as many as fit in a report together
 *  with some refusals.
 *  @param services by service port
 *  @param retired  what services counted that are gone */
[[nodiscard]] std::vector<protocol::Metric> renderMetrics(std::span<const ServiceReport> services,
                                                          const Counters& retired,
                                                          std::uint32_t sessionCapacity);

} // namespace mmsd::udp
