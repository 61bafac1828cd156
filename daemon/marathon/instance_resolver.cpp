// SPDX-License-Identifier: MIT
// Address and port per port index, for every network mode of every Marathon generation. Pure.
#include "daemon/marathon/instance_resolver.h"

#include "protocol/limits.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

std::optional<NetworkMode> parseMode(std::string_view mode) noexcept {
    if (mode == "host")
        return NetworkMode::Host;
    if (mode == "container/bridge")
        return NetworkMode::Bridge;
    if (mode == "container" || mode.empty())
        return NetworkMode::Container;
    return std::nullopt;
}

/** The declared ports that count in @p mode. */
const std::vector<DeclaredPort>& declaredPorts(const NetworkDefinition& network,
                                               NetworkMode mode) noexcept {
    switch (mode) {
    case NetworkMode::Bridge: // without mappings (<= 1.4) the ports count
        return network.mappings.empty() ? network.definitions : network.mappings;
    case NetworkMode::Container:
        return network.mappings;
    case NetworkMode::IpPerTask:
        return network.discovery.empty() ? network.mappings : network.discovery;
    default:
        return network.definitions;
    }
}

} // namespace

NetworkMode networkMode(const NetworkDefinition& network) noexcept {
    if (!network.modes.empty()) {
        // Several entries are several container networks.
        NetworkMode result = NetworkMode::Container;
        for (const std::string& mode : network.modes) {
            const auto parsed = parseMode(mode);
            if (!parsed)
                return NetworkMode::Unknown;
            if (network.modes.size() == 1)
                result = *parsed;
        }
        return result;
    }
    const std::string& docker = network.dockerNetwork;
    if (docker == "USER")
        return NetworkMode::Container;
    if (docker == "BRIDGE")
        return NetworkMode::Bridge;
    if (docker == "NONE")
        return NetworkMode::None;
    if (!docker.empty() && docker != "HOST")
        return NetworkMode::Unknown;
    return network.hasIpAddress ? NetworkMode::IpPerTask : NetworkMode::Host;
}

PortPlan planPorts(const NetworkDefinition& network) {
    const NetworkMode mode = networkMode(network);
    const std::vector<DeclaredPort>& declared = declaredPorts(network, mode);
    const std::size_t count = std::min(declared.size(), protocol::kMaxPortsPerApp);

    PortPlan plan;
    plan.omitted = declared.size() - count;
    std::uint16_t hostPorts = 0; // how many earlier mappings asked for one
    for (std::size_t i = 0; i < count; ++i) {
        const DeclaredPort& port = declared[i];
        plan.ports.push_back({.servicePort = port.servicePort,
                              .name = port.name,
                              .isTcp = port.isTcp,
                              .isUdp = port.isUdp,
                              .labels = port.labels,
                              .check = std::nullopt});
        PortRule rule;
        switch (mode) {
        case NetworkMode::Host:
        case NetworkMode::Bridge:
            rule = {PortRule::Kind::TaskPort, static_cast<std::uint16_t>(i)};
            break;
        case NetworkMode::Container:
        case NetworkMode::IpPerTask:
            // task.ports has entries only for mappings that asked for a host port.
            if (port.hasHostPort)
                rule = {PortRule::Kind::TaskPort, hostPorts++};
            else if (port.containerPort.value_or(0) != 0)
                rule = {PortRule::Kind::ContainerPort, *port.containerPort};
            break;
        case NetworkMode::None:
        case NetworkMode::Unknown:
            break;
        }
        plan.rules.push_back(rule);
    }
    return plan;
}

protocol::InstancePort resolvePort(const PortRule& rule, const MarathonTask& task) noexcept {
    switch (rule.kind) {
    case PortRule::Kind::TaskPort:
        return {rule.number < task.ports.size() ? task.ports[rule.number] : std::uint16_t{0},
                false};
    case PortRule::Kind::ContainerPort:
        return {task.addresses.empty() ? std::uint16_t{0} : rule.number, true};
    case PortRule::Kind::Unknown:
        break;
    }
    return {};
}

} // namespace mmsd::marathon
