// SPDX-License-Identifier: MIT
// From what runs to what is wanted: nothing, runtime commands, or a reload. Pure.
#pragma once

#include "workers/haproxy-manager/config_text.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Servers by backend name. */
using ServerSets = std::map<std::string, std::set<InetEndpoint>, std::less<>>;

/** One thing to do to a server of the running HAProxy. */
struct ServerChange {
    enum class Kind : std::uint8_t {
        Add,
        Revive, ///< it is still there, on its way out
        Drain,  ///< no new connections, but it will be there for a while
        Remove,
    };
    Kind kind = Kind::Add;
    std::string backend;
    InetEndpoint server;
    std::string options; ///< of Add

    bool operator==(const ServerChange&) const = default;
};

/** How to get from what runs to what is wanted. */
struct Plan {
    /** What the commands alone lead to; what is wanted, unless a reload is needed, too. */
    Config reachable;
    std::vector<ServerChange> servers; ///< additions first: no backend is empty in between
    MapFiles maps;                     ///< new contents of the maps that change
    std::string reloadReason;          ///< "" = no reload needed

    [[nodiscard]] bool hasCommands() const noexcept { return !servers.empty() || !maps.empty(); }
};

/** Compares; what differs only in servers and host names needs no reload.
 *  @param draining servers that are being killed: drained instead of removed
 *  @param leaving  servers that the running HAProxy still has although @p running does not
 *  @param canChangeServers whether this HAProxy can add and delete servers at run time */
[[nodiscard]] Plan reconcile(const Config& running, const Config& wanted,
                             const ServerSets& draining, const ServerSets& leaving,
                             bool canChangeServers);

} // namespace mmsd::haproxy
