// SPDX-License-Identifier: MIT
// Services and host names to configuration: the same ones give the same bytes. Pure.
#pragma once

#include "workers/haproxy-manager/config_text.h"
#include "workers/haproxy-manager/haproxy_features.h"
#include "workers/haproxy-manager/service.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mmsd::haproxy {

/** The two ports that route by host name; port 0 = left out, because it cannot be bound now. */
struct GatewayBinds {
    InetEndpoint http;
    InetEndpoint https;
};

/** Everything in the text that does not come from apps. */
struct ConfigOptions {
    IpAddress bindIp;
    InetEndpoint management; ///< port 0 = left out, like those of the gateway
    std::optional<GatewayBinds> gateway;
    std::string syslogFacility = "local5";
    std::uint64_t hardFdLimit = 0;
    HaproxyFeatures features;
};

/** Frontend and backend of one app port. */
[[nodiscard]] FragmentPtr makeFragment(const Service& service, const IpAddress& bindIp);

/** The gateway's maps. */
[[nodiscard]] MapFiles makeMaps(const VirtualHosts& http, const VirtualHosts& tls);

/** global, defaults, management page and, where wanted, the gateway. */
[[nodiscard]] std::string makeBase(const ConfigOptions& options, std::uint32_t maxConnections);

/** What stands behind `bind`: "0.0.0.0:80", "[::]:80 v4v6". */
[[nodiscard]] std::string bindText(const InetEndpoint& where);

} // namespace mmsd::haproxy
