// SPDX-License-Identifier: MIT
// What the operator decides about the zone.
#pragma once

#include "common/inet_address.h"
#include "workers/runtime/dns_name.h"

#include <cstdint>
#include <vector>

namespace mmsd::dns {

struct ZoneOptions {
    WireName base;
    std::uint32_t ttl = 5; ///< seconds
    /** SRV records in the additional section of address answers. */
    bool shallPushServices = false;
    /** Where this server is reached: the addresses of the zone's NS name. */
    std::vector<IpAddress> serverAddresses;
};

} // namespace mmsd::dns
