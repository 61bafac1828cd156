// SPDX-License-Identifier: MIT
// From Marathon's app to the app of a snapshot. Pure.
#include "daemon/marathon/app_evaluator.h"

#include "daemon/marathon/instance_resolver.h"
#include "protocol/limits.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace mmsd::marathon {

namespace {

using protocol::Instance;
using protocol::InstancePort;
using protocol::Serving;

/** True if all that keeps the instance from being reached is a missing address. */
bool isUnresolved(const MarathonApp& app, const MarathonTask& task, const Instance& instance) {
    if (app.rules.empty())
        return instance.hostAddresses.empty();
    bool lacksAddress = false;
    for (std::size_t i = 0; i < app.rules.size(); ++i) {
        const bool isOnContainer = app.rules[i].kind == PortRule::Kind::ContainerPort;
        const auto& addresses =
            isOnContainer ? instance.containerAddresses : instance.hostAddresses;
        const bool isKnown =
            (isOnContainer && !task.endedPorts.contains(i)) || instance.ports[i].number != 0;
        if (isKnown && !addresses.empty())
            return false;
        lacksAddress = lacksAddress || isKnown;
    }
    return lacksAddress;
}

Instance makeInstance(const MarathonApp& app, const MarathonTask& task, Serving serving,
                      std::vector<IpAddress> hostAddresses) {
    Instance instance{.taskId = task.id,
                      .agentId = task.agentId,
                      .host = task.host,
                      .hostAddresses = std::move(hostAddresses),
                      .containerAddresses = {},
                      .state = task.state,
                      .health = task.health,
                      .serving = serving,
                      .ports = {}};
    bool isOnContainer = false;
    for (const PortRule& rule : app.rules) {
        const bool hasEnded = task.endedPorts.contains(instance.ports.size());
        instance.ports.push_back(hasEnded ? protocol::InstancePort{} : resolvePort(rule, task));
        isOnContainer = isOnContainer || rule.kind == PortRule::Kind::ContainerPort;
    }
    // In bridge mode they are internal to the agent's docker: never route to them.
    if (isOnContainer)
        instance.containerAddresses = task.addresses;
    if (isServing(instance) && isUnresolved(app, task, instance))
        instance.serving = Serving::Unresolved;
    return instance;
}

} // namespace

Evaluation evaluateApp(const MarathonApp& app, AppMemory& memory, HostLookup& hosts,
                       const Now& now) {
    Evaluation result;
    result.app = {.id = app.id,
                  .version = app.version,
                  .isPod = app.isPod,
                  .labels = app.labels,
                  .ports = app.ports,
                  .instances = {},
                  .problems = app.problems};
    result.app.instances.reserve(app.tasks.size());

    std::set<std::string> failedHosts;
    for (const MarathonTask& task : app.tasks) {
        const Decision decision = decideServing(app, task, memory.at(task.id), now);
        if (decision.until && (!result.until || *decision.until < *result.until))
            result.until = decision.until;
        HostLookup::Answer host = task.host.empty() ? HostLookup::Answer{} : hosts.find(task.host);
        if (host.addresses.size() > protocol::kMaxAddresses)
            host.addresses.resize(protocol::kMaxAddresses);
        if (host.hasFailed)
            failedHosts.insert(task.host);
        result.app.instances.push_back(
            makeInstance(app, task, decision.serving, std::move(host.addresses)));
    }
    memory.forgetMissing(app, now.steady);

    for (const std::string& host : failedHosts) {
        if (result.app.problems.size() < protocol::kMaxProblemsPerApp)
            result.app.problems.push_back({protocol::kWholeApp, "host does not resolve: " + host});
    }
    std::ranges::sort(result.app.instances, [](const Instance& a, const Instance& b) {
        return std::tie(a.host, a.ports, a.taskId) < std::tie(b.host, b.ports, b.taskId);
    });
    return result;
}

} // namespace mmsd::marathon
