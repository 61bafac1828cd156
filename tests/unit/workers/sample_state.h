// SPDX-License-Identifier: MIT
// Short ways to write apps and snapshots in tests of workers.
#pragma once

#include "protocol/state.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mmsd::test {

using AppPointer = std::shared_ptr<const protocol::App>;
using SnapshotPointer = std::shared_ptr<const protocol::Snapshot>;

/** A serving instance on @p host, one port number per port index; 0 = unresolved. */
inline protocol::Instance instance(const std::string& host, std::vector<std::uint16_t> ports,
                                   const std::string& address = "") {
    protocol::Instance made;
    made.taskId = "task-" + host;
    made.agentId = "agent-" + host;
    made.host = host;
    if (auto parsed = IpAddress::parse(address.empty() ? host : address))
        made.hostAddresses = {*parsed};
    made.state = protocol::TaskState::Running;
    made.serving = protocol::Serving::Yes;
    for (const std::uint16_t number : ports)
        made.ports.push_back({number, false});
    return made;
}

/** An app with tcp ports of these service ports. */
inline protocol::App app(const std::string& id, const std::vector<std::uint16_t>& servicePorts,
                         std::vector<protocol::Instance> instances = {},
                         const std::string& version = "2020-01-01T00:00:00.000Z") {
    protocol::App made;
    made.id = id;
    made.version = version;
    for (const std::uint16_t servicePort : servicePorts) {
        made.ports.emplace_back();
        made.ports.back().servicePort = servicePort;
    }
    made.instances = std::move(instances);
    return made;
}

inline AppPointer share(protocol::App made) {
    return std::make_shared<const protocol::App>(std::move(made));
}

inline SnapshotPointer snapshotOf(std::vector<AppPointer> apps, std::uint64_t generation = 1) {
    auto made = std::make_shared<protocol::Snapshot>();
    made->generation = generation;
    std::ranges::sort(apps, {}, [](const AppPointer& each) { return each->id; });
    made->apps = std::move(apps);
    return made;
}

inline SnapshotPointer snapshotOf(const std::vector<protocol::App>& apps,
                                  std::uint64_t generation = 1) {
    std::vector<AppPointer> shared;
    for (const protocol::App& each : apps)
        shared.push_back(share(each));
    return snapshotOf(std::move(shared), generation);
}

} // namespace mmsd::test
