// SPDX-License-Identifier: MIT
// The settings that say what is exposed, as values: for who exposes and for who explains. Pure.
#include "workers/runtime/port_rules.h"

namespace mmsd::worker {

PortRules makePortRules(Transport transport, const protocol::Settings& settings) {
    PortRules rules{transport, settings.list("filter-groups"), {}};
    if (settings.flag("enable-dns"))
        rules.ownPorts[settings.port("dns-port")] = "DNS";
    if (transport == Transport::Udp)
        return rules;
    rules.ownPorts[settings.port("haproxy-port")] = "HAProxy management";
    rules.ownPorts[settings.port("api-port")] = "HTTP API";
    if (settings.flag("enable-gateway")) {
        rules.ownPorts[settings.port("gateway-port-http")] = "gateway, http";
        rules.ownPorts[settings.port("gateway-port-https")] = "gateway, https";
    }
    return rules;
}

} // namespace mmsd::worker
