// SPDX-License-Identifier: MIT
// What HAProxy shall serve, as plain checked values: nothing here needs quoting any more.
#pragma once

#include "common/inet_address.h"
#include "protocol/control_messages.h"
#include "workers/runtime/app_protocol.h"
#include "workers/runtime/proxy_name.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::haproxy {

using worker::AppProtocol;
enum class Balance : std::uint8_t { LeastConnections, RoundRobin, Source, Random };
enum class ConnectionMode : std::uint8_t { Unset, Close, ServerClose, KeepAlive };
/** PROXY protocol spoken to the servers. */
enum class ProxyProtocol : std::uint8_t { None, V1, V2 };

/** How HAProxy checks the servers of one app port. */
struct Check {
    std::chrono::milliseconds interval{5'000};
    std::chrono::milliseconds timeout{5'000};
    std::uint32_t failures = 3;        ///< in a row, until a server is down
    std::string path;                  ///< http only; "" = a connect is enough
    std::optional<std::uint16_t> port; ///< instead of the server's own

    bool operator==(const Check&) const = default;
};

/** One exposed app port. */
struct Service {
    std::string appId;
    std::uint16_t portIndex = 0;
    std::uint16_t servicePort = 0; ///< never 0, no other service's
    AppProtocol protocol = AppProtocol::Tcp;
    Balance balance = Balance::LeastConnections;
    ConnectionMode connectionMode = ConnectionMode::Unset;
    ProxyProtocol proxyProtocol = ProxyProtocol::None;
    bool acceptsProxy = false;
    bool isLogged = true;
    std::optional<Check> check;
    std::vector<InetEndpoint> servers;  ///< sorted, unique
    std::vector<InetEndpoint> draining; ///< sorted, unique, disjoint from servers

    [[nodiscard]] bool isHttp() const noexcept { return protocol == AppProtocol::Http; }
    bool operator==(const Service&) const = default;
};

/** Which service answers for which host name; values are proxy names (see proxyName()). */
struct VirtualHosts {
    std::map<std::string, std::string> exact;
    std::map<std::string, std::string> suffixes; ///< key ".example.com" for "*.example.com"
    std::optional<std::string> fallback;         ///< for every other host

    bool operator==(const VirtualHosts&) const = default;
};

using worker::proxyName;

} // namespace mmsd::haproxy
