// SPDX-License-Identifier: MIT
// Address and port per port index, for every network mode of every Marathon generation. Pure.
#pragma once

#include "daemon/marathon/marathon_app.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::marathon {

enum class NetworkMode : std::uint8_t {
    Host,
    Bridge,
    Container, ///< also docker's USER
    IpPerTask, ///< Mesos' ipAddress, Marathon <= 1.4
    None,      ///< docker's NONE: no port can be reached
    Unknown,   ///< a word that we do not know
};

/** One entry of portMappings, portDefinitions or discovery.ports, as far as it could be read. */
struct DeclaredPort {
    std::uint16_t servicePort = 0;              ///< 0 = none or not assigned yet
    std::optional<std::uint16_t> containerPort; ///< mappings; `number` of discovery ports
    bool hasHostPort = false;                   ///< mappings: a host port was asked for, even 0
    std::string name;
    bool isTcp = true;
    bool isUdp = false;
    protocol::Labels labels;
};

/** What an app's JSON says about its network. Missing = null = empty. */
struct NetworkDefinition {
    std::vector<std::string> modes;        ///< networks[].mode
    std::string dockerNetwork;             ///< container.docker.network
    bool hasIpAddress = false;             ///< `ipAddress` is an object
    std::vector<DeclaredPort> mappings;    ///< container.portMappings, else docker.portMappings
    std::vector<DeclaredPort> definitions; ///< portDefinitions, else ports
    std::vector<DeclaredPort> discovery;   ///< ipAddress.discovery.ports
};

/** The mode that decides how ports are found. */
[[nodiscard]] NetworkMode networkMode(const NetworkDefinition& network) noexcept;

/** The declared ports in order of port index, and how each is found at a task; at most
 *  kMaxPortsPerApp. Source: Marathon's port resolution, versions 0.11 to 1.10. */
struct PortPlan {
    std::vector<protocol::Port> ports;
    std::vector<PortRule> rules;
    std::size_t omitted = 0; ///< indices above the limit
};
[[nodiscard]] PortPlan planPorts(const NetworkDefinition& network);

/** Applies a rule to a task; number 0 if that index cannot be resolved (yet). */
[[nodiscard]] protocol::InstancePort resolvePort(const PortRule& rule,
                                                 const MarathonTask& task) noexcept;

} // namespace mmsd::marathon
