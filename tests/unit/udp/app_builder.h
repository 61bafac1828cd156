// SPDX-License-Identifier: MIT
// Small apps and snapshots for the tests of the UDP balancer.
#pragma once

#include "protocol/state.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mmsd::test {

inline protocol::Port udpPort(std::uint16_t servicePort, protocol::Labels labels = {}) {
    protocol::Port port;
    port.servicePort = servicePort;
    port.isTcp = false;
    port.isUdp = true;
    port.labels = std::move(labels);
    return port;
}

/** An instance on @p address with one port number per port index. */
inline protocol::Instance instance(const std::string& address, std::vector<std::uint16_t> ports,
                                   protocol::Serving serving = protocol::Serving::Yes) {
    protocol::Instance made;
    made.taskId = address;
    made.host = address;
    made.hostAddresses = {IpAddress::parse(address).value()};
    made.serving = serving;
    for (const std::uint16_t port : ports)
        made.ports.push_back({port, false});
    return made;
}

inline protocol::App app(const std::string& id, std::vector<protocol::Port> ports,
                         std::vector<protocol::Instance> instances = {},
                         const std::string& version = "2026-01-01T00:00:00.000Z") {
    protocol::App made;
    made.id = id;
    made.version = version;
    made.ports = std::move(ports);
    made.instances = std::move(instances);
    return made;
}

inline protocol::Snapshot snapshot(std::vector<protocol::App> apps) {
    protocol::Snapshot made;
    for (protocol::App& each : apps)
        made.apps.push_back(std::make_shared<const protocol::App>(std::move(each)));
    return made;
}

} // namespace mmsd::test
