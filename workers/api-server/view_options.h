// SPDX-License-Identifier: MIT
// What the settings say about all outputs: the API explains them without producing them.
#pragma once

#include "common/inet_address.h"
#include "protocol/settings.h"
#include "workers/runtime/port_exposure.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace mmsd::api {

struct ViewOptions {
    bool hasTcp = true;
    bool hasUdp = true;
    bool hasFiles = true;
    bool hasDns = false;
    bool hasGateway = false;
    worker::PortRules tcpRules{worker::Transport::Tcp, {"*"}, {}};
    worker::PortRules udpRules{worker::Transport::Udp, {"*"}, {}};
    IpAddress bindIp;
    InetEndpoint gatewayHttp;
    InetEndpoint gatewayHttps;
    std::string filesFolder;      ///< where the instances files are
    std::string dnsBase = "mmsd"; ///< the zone, without the last dot; "" = the root
    std::chrono::milliseconds resyncInterval{60'000};
    std::string hostName; ///< of this node
};

/** @param settings of the api-server; asks the system for its name, so before the sandbox */
[[nodiscard]] ViewOptions makeViewOptions(const protocol::Settings& settings);

} // namespace mmsd::api
