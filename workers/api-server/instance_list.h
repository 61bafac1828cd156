// SPDX-License-Identifier: MIT
// The lists of /v1/instances. Pure.
#pragma once

#include "protocol/state.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::api {

/** Port indices as `?portIndex=` names them; the last one included. */
struct PortRange {
    std::size_t first = 0;
    std::size_t last = 0;
};

/** "N", "A:B", "A:" (to the app's last one), ":B" and ":", checked against the app.
 *  @param portCount port indices that the app has
 *  @param reason    why not, where nothing is returned */
[[nodiscard]] std::optional<PortRange> parsePortRange(std::string_view text, std::size_t portCount,
                                                      std::string& reason);

/** 32-bit FNV-1a. Source: draft-eastlake-fnv. */
[[nodiscard]] std::uint32_t fnv1a32(std::string_view text) noexcept;

struct InstanceListOptions {
    PortRange ports{};
    /** The host as Marathon has it, instead of its address. */
    bool hasHostNames = false;
    /** "HASH:" in front: fnv1a32 of the agent id, as a decimal number. */
    bool hasAgentHash = false;
};

/** One line per serving instance: `[HASH:]address:port`, further ports of a range appended as
 *  `:port`, as mmsd 0.13 wrote it. Sorted by address (numerically; by name with hasHostNames), then
 *  ports. IPv6 addresses stand in brackets.
 *  A port index that an instance does not have is left out; within a range it is 0, so that the
 *  others keep their places. Ports of a range that are reached at another address (container
 *  networks) get a line of their own. */
[[nodiscard]] std::string renderInstanceList(const protocol::App& app,
                                             const InstanceListOptions& options);

/** The same lines as a JSON array of objects: host (as Marathon has it), address (null if it is not
 *  resolved), ports (one per index of the range, 0 = none), task, agent and, with hasAgentHash,
 *  agent_hash. "" where there is no line. */
[[nodiscard]] std::string renderInstanceJson(const protocol::App& app,
                                             const InstanceListOptions& options);

} // namespace mmsd::api
