// SPDX-License-Identifier: MIT
// What is known of the cluster: plain values that every worker derives its output from.
#pragma once

#include "common/inet_address.h"
#include "protocol/control_messages.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::protocol {

/** Arbitrary strings from the app's author, sorted by key. */
using Labels = std::map<std::string, std::string, std::less<>>;

enum class CheckProtocol : std::uint8_t { Http, Https, Tcp, Command };

/** A health check as defined for one port index (MESOS_* kinds are folded into the plain ones). */
struct HealthCheck {
    CheckProtocol protocol = CheckProtocol::Http;
    std::string path; ///< HTTP kinds; "" = "/"
    std::chrono::milliseconds interval{60'000};
    std::chrono::milliseconds timeout{20'000};
    std::chrono::milliseconds gracePeriod{300'000};
    std::uint32_t maxConsecutiveFailures = 3; ///< 0 = Marathon never kills
    std::optional<std::uint16_t> port;        ///< fixed port instead of the port index's own

    bool operator==(const HealthCheck&) const = default;
};

/** One port index of an app. */
struct Port {
    std::uint16_t servicePort = 0; ///< 0 = none
    std::string name;              ///< may be empty
    bool isTcp = true;
    bool isUdp = false;
    Labels labels; ///< the port's own; look-ups fall back to the app's (see label())
    std::optional<HealthCheck> check;

    bool operator==(const Port&) const = default;
};

/** Mesos task states that matter while a task lives; ended tasks are not in the state. */
enum class TaskState : std::uint8_t { Staging, Starting, Running, Killing, Unreachable };

/** Marathon's verdict over all checks. */
enum class Health : std::uint8_t { NoChecks, Unknown, Healthy, Unhealthy };

/** What the watcher's serving rule decided, and why. Source: CONTRACT section 2. */
enum class Serving : std::uint8_t {
    Yes,               ///< gets traffic
    YesVerdictUnknown, ///< served before the verdict was lost, or its grace period is over
    YesUnreachable,    ///< unreachable for less than the hold time
    Draining,          ///< TASK_KILLING: no new connections
    NotRunning,
    Unhealthy,
    AwaitingVerdict, ///< new, checks defined, no result yet, grace period running
    Unreachable,     ///< hold time is over
    Unresolved,      ///< would serve, but its host name has no address yet
};

/** One port index of an instance: a number, and on which of the instance's addresses. */
struct InstancePort {
    std::uint16_t number = 0; ///< 0 = this index could not be resolved
    bool isOnContainer = false;

    auto operator<=>(const InstancePort&) const = default;
};

/** A task: host and ports where it can be reached. */
struct Instance {
    std::string taskId;
    std::string agentId;                       ///< may be empty (Marathon < 0.11)
    std::string host;                          ///< as Marathon calls it; name or address
    std::vector<IpAddress> hostAddresses;      ///< resolved, preferred first; empty = unresolved
    std::vector<IpAddress> containerAddresses; ///< the task's own (container networks)
    TaskState state = TaskState::Staging;
    Health health = Health::NoChecks;
    Serving serving = Serving::NotRunning;
    std::vector<InstancePort> ports; ///< one per port index of the app

    bool operator==(const Instance&) const = default;
};

/** Something of this app that could not be used, and why: told by /v1/status and /v1/explain. */
struct Problem {
    std::uint16_t portIndex = kWholeApp;
    std::string text;

    bool operator==(const Problem&) const = default;
};

struct App {
    std::string id;      ///< with leading "/"
    std::string version; ///< as Marathon writes it; may be empty
    bool isPod = false;  ///< then no port has a service port
    Labels labels;
    std::vector<Port> ports;
    std::vector<Instance> instances; ///< sorted by host, then ports, then taskId
    std::vector<Problem> problems;

    bool operator==(const App&) const = default;
};

/** A whole state. Immutable once assembled; unchanged apps are the same objects as before. */
struct Snapshot {
    std::uint64_t generation = 0;
    SnapshotBegin begin; ///< of the last transaction; its counts are of that one alone
    std::uint32_t instanceCount = 0;
    std::vector<std::shared_ptr<const App>> apps; ///< sorted by id, unique
};

/** An app that came (before is null), went (after is null), or is another object than before. */
struct AppDifference {
    std::shared_ptr<const App> before;
    std::shared_ptr<const App> after;
};

/** What is not the same object in two states, by id. Costs one comparison of pointers for each app
 *  that is: what follows a state needs no list of changes, whatever it skipped.
 *  @param before null: nothing was there */
[[nodiscard]] std::vector<AppDifference> differences(const Snapshot* before, const Snapshot& after);

/** True if the instance gets new traffic. */
[[nodiscard]] constexpr bool isServing(const Instance& instance) noexcept {
    return instance.serving <= Serving::YesUnreachable;
}

/** The port label of that name, else the app label, else null. */
[[nodiscard]] const std::string* label(const App& app, const Port& port,
                                       std::string_view name) noexcept;

/** Where port index @p index of an instance is reached. */
struct InstanceEndpoint {
    std::string host; ///< what Marathon calls it, or the container's address as text
    const std::vector<IpAddress>* addresses = nullptr; ///< never null; may be empty
    std::uint16_t port = 0;
};

/** Nothing if that index has no known port. */
[[nodiscard]] std::optional<InstanceEndpoint> endpoint(const Instance& instance, std::size_t index);

/** The snapshot's app of that id, or null. Binary search. */
[[nodiscard]] const App* findApp(const Snapshot& snapshot, std::string_view id) noexcept;

[[nodiscard]] std::string_view toString(CheckProtocol protocol) noexcept;
[[nodiscard]] std::string_view toString(TaskState state) noexcept; ///< "TASK_RUNNING"
[[nodiscard]] std::string_view toString(Health health) noexcept;
[[nodiscard]] std::string_view toString(Serving serving) noexcept;

} // namespace mmsd::protocol
