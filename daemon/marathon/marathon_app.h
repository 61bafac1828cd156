// SPDX-License-Identifier: MIT
// An app as Marathon tells it, the same for all of its generations: plain values.
#pragma once

#include "protocol/state.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mmsd::marathon {

using WallTime = std::chrono::system_clock::time_point;

/** How one port index becomes a port of a task. */
struct PortRule {
    enum class Kind : std::uint8_t {
        Unknown,       ///< nobody knows it: this index has no endpoint
        TaskPort,      ///< number = index into the task's host ports
        ContainerPort, ///< number = port on the task's own address
    };
    Kind kind = Kind::Unknown;
    std::uint16_t number = 0;

    bool operator==(const PortRule&) const = default;
};

/** A task that has not ended. */
struct MarathonTask {
    std::string id;
    std::string agentId;
    std::string host;                 ///< may be empty (null in old versions)
    std::vector<std::uint16_t> ports; ///< host ports; 0 = out of range
    std::set<std::size_t> endedPorts; ///< port indices of a pod whose container has ended
    std::vector<IpAddress> addresses; ///< the task's own, IPv4 first
    protocol::TaskState state = protocol::TaskState::Staging;
    protocol::Health health = protocol::Health::NoChecks;
    std::optional<WallTime> startedAt;

    bool operator==(const MarathonTask&) const = default;
};

/** An app, or a pod: that is one without service ports. */
struct MarathonApp {
    std::string id; ///< with leading "/"
    bool isPod = false;
    std::string version;
    protocol::Labels labels;
    std::vector<protocol::Port> ports; ///< one per port index
    std::vector<PortRule> rules;       ///< one per port index
    std::vector<MarathonTask> tasks;
    std::vector<protocol::Problem> problems;
    /** How long a new task without a verdict waits; the largest of all checks. */
    std::chrono::milliseconds gracePeriod{0};
    /** How long an unreachable task that served is kept. */
    std::chrono::milliseconds unreachableHold{0};

    bool operator==(const MarathonApp&) const = default;
};

} // namespace mmsd::marathon
