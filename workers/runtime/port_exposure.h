// SPDX-License-Identifier: MIT
// Which app ports the load balancers serve: one rule for HAProxy and UDP. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/state.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::worker {

enum class Transport : std::uint8_t { Tcp, Udp };

/** What the settings say about exposing on one transport. */
struct PortRules {
    Transport transport = Transport::Tcp;
    std::vector<std::string> groups{"*"};          ///< values of label lb-group; "*" = all
    std::map<std::uint16_t, std::string> ownPorts; ///< ports that mmsd uses itself → what for
};

/** An app port by name: what stays the same from snapshot to snapshot. */
struct PortName {
    std::string appId;
    std::uint16_t portIndex = 0;

    auto operator<=>(const PortName&) const = default;
};

/** Which app port has a service port in what is served now. */
using PortHolders = std::map<std::uint16_t, PortName>;

/** An app port of a snapshot; borrowed from it. */
struct ExposedPort {
    const protocol::App* app;
    std::uint16_t portIndex;

    [[nodiscard]] const protocol::Port& port() const { return app->ports[portIndex]; }
};

struct PortExposure {
    std::map<std::uint16_t, ExposedPort> ports; ///< by service port
    std::vector<protocol::Refusal> refusals;
};

/** True if the port's lb-group (the app's, where the port has none) is among @p groups. */
[[nodiscard]] bool isInGroups(const protocol::App& app, const protocol::Port& port,
                              const std::vector<std::string>& groups);

/** Why a port is not up for being exposed at all. */
struct PortObjection {
    /** Nothing: the group filter. */
    std::optional<protocol::RefusalRule> rule;
    std::string reason;
    bool isMistake = true; ///< of somebody, to be reported
};

/** What stands against exposing @p port by itself, whatever others claim; nothing if nothing does.
 *  Its transport is not looked at. Source: CONTRACT sections 2 and 3. */
[[nodiscard]] std::optional<PortObjection>
objectionTo(const protocol::App& app, const protocol::Port& port, const PortRules& rules);

/** Chooses one app port for each service port, as PortClaims does, for one state alone. */
[[nodiscard]] PortExposure exposePorts(const protocol::Snapshot& snapshot, const PortRules& rules,
                                       const PortHolders& holders);

} // namespace mmsd::worker
