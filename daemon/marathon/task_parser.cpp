// SPDX-License-Identifier: MIT
// Tasks from JSON. Pure.
#include "daemon/marathon/task_parser.h"

#include "daemon/marathon/timestamp.h"
#include "protocol/limits.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace mmsd::marathon {

namespace {

using protocol::Health;
using protocol::TaskState;

/** Source: Mesos' TaskState and its use in Marathon, versions 0.11 to 1.10. */
struct StateName {
    std::string_view name;
    std::optional<TaskState> state; ///< nothing = ended
};
constexpr std::array<StateName, 14> kStates{{
    {"TASK_STAGING", TaskState::Staging},
    {"TASK_STARTING", TaskState::Starting},
    {"TASK_RUNNING", TaskState::Running},
    {"TASK_KILLING", TaskState::Killing},
    {"TASK_UNREACHABLE", TaskState::Unreachable},
    {"TASK_LOST", TaskState::Unreachable},
    {"TASK_FINISHED", std::nullopt},
    {"TASK_FAILED", std::nullopt},
    {"TASK_KILLED", std::nullopt},
    {"TASK_ERROR", std::nullopt},
    {"TASK_GONE", std::nullopt},
    {"TASK_GONE_BY_OPERATOR", std::nullopt},
    {"TASK_DROPPED", std::nullopt},
    {"TASK_UNKNOWN", std::nullopt},
}};

/** Nothing if the task has ended. */
std::optional<TaskState> parseState(const JsonFields& task) {
    const std::string_view text = task.string("state");
    // Marathon < 0.15.4 and 1.0 to 1.1.1 have no `state`.
    if (text.empty())
        return task["startedAt"].isPresent() ? TaskState::Running : TaskState::Staging;
    return taskStateOf(task, "state");
}

/** Healthy = all declared checks have a result and all are alive; unhealthy = one is not. */
Health parseHealth(const JsonFields& task, std::size_t checkCount) {
    if (checkCount == 0)
        return Health::NoChecks;
    std::size_t alive = 0;
    for (const JsonValue result : task.list("healthCheckResults")) {
        const auto isAlive = result["alive"].boolean(); // old versions have null entries
        if (isAlive && !*isAlive)
            return Health::Unhealthy;
        alive += isAlive ? 1 : 0;
    }
    return alive >= checkCount ? Health::Healthy : Health::Unknown;
}

std::vector<IpAddress> parseAddresses(const JsonFields& task) {
    std::vector<IpAddress> addresses;
    for (const JsonValue item : task.list("ipAddresses")) {
        const auto text = item["ipAddress"].string();
        if (!text)
            continue; // not known yet
        const auto address = IpAddress::parse(*text);
        if (!address)
            task.complain("ipAddresses", "no IP address");
        else if (std::ranges::find(addresses, *address) == addresses.end())
            addresses.push_back(*address);
    }
    std::ranges::stable_partition(addresses, [](const IpAddress& a) { return !a.isV6(); });
    if (addresses.size() > protocol::kMaxAddresses)
        addresses.resize(protocol::kMaxAddresses);
    return addresses;
}

std::vector<std::uint16_t> parseHostPorts(const JsonFields& task) {
    std::vector<std::uint16_t> ports;
    for (const JsonValue item : task.list("ports")) {
        const auto number = item.integer();
        const bool isPort = number && *number >= 1 && *number <= 65'535;
        if (!isPort)
            task.complain("ports", "no port number");
        ports.push_back(static_cast<std::uint16_t>(isPort ? *number : 0));
    }
    return ports;
}

} // namespace

std::optional<TaskState> taskStateOf(const JsonFields& fields, std::string_view member) {
    const auto* const found = std::ranges::find(kStates, fields.string(member), &StateName::name);
    if (found != kStates.end())
        return found->state;
    fields.complain(member, "unknown word");
    return TaskState::Staging;
}

bool isHostName(std::string_view text) noexcept {
    constexpr std::string_view kOthers = "._:-";
    return std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOthers.find(c) != std::string_view::npos;
    });
}

std::vector<MarathonTask> parseTasks(const JsonFields& app, std::size_t checkCount,
                                     ProblemList& problems) {
    std::vector<MarathonTask> tasks;
    std::unordered_set<std::string> ids;
    std::size_t index = 0;
    for (const JsonValue item : app.list("tasks")) {
        const JsonFields fields{item, "tasks[" + std::to_string(index++) + ']', problems};
        MarathonTask task;
        task.id = fields.name("id", protocol::kMaxTaskId);
        if (task.id.empty() || !ids.insert(task.id).second) {
            fields.complain("id", task.id.empty() ? "missing" : "stands there twice");
            continue;
        }
        const auto state = parseState(fields);
        if (!state)
            continue;
        if (tasks.size() == protocol::kMaxInstancesPerApp) {
            problems.add("tasks: too many");
            break;
        }
        task.state = *state;
        task.agentId = fields.name("slaveId", protocol::kMaxTaskId);
        task.host = fields.name("host", protocol::kMaxHostName);
        if (!isHostName(task.host)) {
            fields.complain("host", "no host name");
            task.host.clear();
        }
        task.ports = parseHostPorts(fields);
        task.addresses = parseAddresses(fields);
        task.health = parseHealth(fields, checkCount);
        task.startedAt = parseTimestamp(fields.string("startedAt"));
        tasks.push_back(std::move(task));
    }
    return tasks;
}

} // namespace mmsd::marathon
