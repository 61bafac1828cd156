// SPDX-License-Identifier: MIT
// Short ways to write a state, for the tests of the DNS server.
#pragma once

#include "protocol/state.h"
#include "workers/dns-server/zone_update.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace mmsd::dns::test {

inline IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

inline protocol::Instance instance(const std::string& taskId, const std::string& address,
                                   std::vector<std::uint16_t> ports = {}) {
    protocol::Instance made;
    made.taskId = taskId;
    made.host = address;
    made.hostAddresses = {ip(address)};
    made.state = protocol::TaskState::Running;
    made.serving = protocol::Serving::Yes;
    for (const std::uint16_t port : ports)
        made.ports.push_back({port, false});
    return made;
}

inline protocol::Port port(const std::string& name = "", bool isTcp = true, bool isUdp = false) {
    protocol::Port made;
    made.name = name;
    made.isTcp = isTcp;
    made.isUdp = isUdp;
    return made;
}

inline protocol::App app(const std::string& id, std::vector<protocol::Port> ports = {},
                         std::vector<protocol::Instance> instances = {}) {
    protocol::App made;
    made.id = id;
    made.version = "2016-10-13T13:31:39.055Z";
    made.ports = std::move(ports);
    made.instances = std::move(instances);
    return made;
}

using AppPointer = std::shared_ptr<const protocol::App>;

inline AppPointer shared(protocol::App app) {
    return std::make_shared<const protocol::App>(std::move(app));
}

inline std::shared_ptr<const protocol::Snapshot> snapshot(std::vector<AppPointer> apps) {
    auto made = std::make_shared<protocol::Snapshot>();
    std::sort(apps.begin(), apps.end(),
              [](const AppPointer& a, const AppPointer& b) { return a->id < b->id; });
    made->apps = std::move(apps);
    return made;
}

/** Runs a whole update. @return whether any record changed */
inline bool update(Zone& zone, std::vector<AppPointer> apps, std::uint32_t timestamp = 1'000,
                   bool shallRebuild = false) {
    ZoneUpdate update{zone, snapshot(std::move(apps)), timestamp, shallRebuild};
    while (!update.step()) {
    }
    return update.hasChanged();
}

inline ZoneOptions options(const std::string& base = "mmsd.") {
    return {.base = parseName(base).value(),
            .ttl = 5,
            .shallPushServices = false,
            .serverAddresses = {ip("192.0.2.53")}};
}

} // namespace mmsd::dns::test
