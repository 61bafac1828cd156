// SPDX-License-Identifier: MIT
// Pods from the JSON of /v2/pods/::status. Pure.
#include "daemon/marathon/pod_parser.h"

#include "common/text.h"
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/instance_resolver.h"
#include "daemon/marathon/label_filter.h"
#include "daemon/marathon/task_parser.h"
#include "daemon/marathon/timestamp.h"
#include "daemon/marathon/timing_fields.h"

#include <algorithm>
#include <set>

namespace mmsd::marathon {

namespace {

using protocol::CheckProtocol;
using protocol::Health;
using protocol::HealthCheck;
using protocol::TaskState;

/** An endpoint of the spec: a port index. */
struct Endpoint {
    std::string container;
    std::string name;
    std::string network; ///< the first of networkNames, or ""
};

/** What the spec says beyond what MarathonApp holds. */
struct Spec {
    std::vector<Endpoint> endpoints;
    std::set<std::string> checkedContainers;
};

/** A list of words: "tcp", "udp"; others ("http" is seen) speak of what runs on top of TCP. */
void parseTransport(const JsonFields& fields, protocol::Port& port) {
    const std::vector<JsonValue> words = fields.list("protocol");
    port.isTcp = words.empty();
    for (const JsonValue word : words) {
        const bool isUdp = equalsIgnoringCase(word.string().value_or(""), "udp");
        port.isUdp = port.isUdp || isUdp;
        port.isTcp = port.isTcp || !isUdp;
    }
}

NetworkMode parseMode(const JsonFields& spec, ProblemList& problems) {
    NetworkDefinition network;
    for (const JsonValue item : spec.list("networks"))
        network.modes.emplace_back(JsonFields{item, "networks", problems}.string("mode"));
    return networkMode(network); // none = host
}

PortRule ruleFor(NetworkMode mode, const JsonFields& endpoint, std::size_t index) {
    const PortRule allocated{PortRule::Kind::TaskPort, static_cast<std::uint16_t>(index)};
    if (mode == NetworkMode::Host || mode == NetworkMode::Bridge)
        return allocated;
    if (mode != NetworkMode::Container)
        return {};
    const auto containerPort = endpoint.port("containerPort").value_or(0);
    if (endpoint.port("hostPort"))
        return allocated;
    return containerPort == 0 ? PortRule{} : PortRule{PortRule::Kind::ContainerPort, containerPort};
}

/** @param first port index of the container's first endpoint */
void parseCheck(const JsonFields& container, std::size_t first, MarathonApp& pod, const Spec& known,
                ProblemList& problems) {
    const JsonFields fields{container.object("healthCheck"), "healthCheck", problems};
    HealthCheck check;
    pod.gracePeriod = std::max(pod.gracePeriod, parseCheckTiming(fields, check));
    const JsonFields http{fields.object("http"), "healthCheck.http", problems};
    const bool isHttp = fields["http"].isObject();
    const JsonFields tcp{fields.object("tcp"), "healthCheck.tcp", problems};
    check.protocol = CheckProtocol::Command;
    if (isHttp) {
        check.protocol = equalsIgnoringCase(http.string("scheme"), "https") ? CheckProtocol::Https
                                                                            : CheckProtocol::Http;
        check.path = http.name("path", protocol::kMaxCheckPath);
    } else if (fields["tcp"].isObject()) {
        check.protocol = CheckProtocol::Tcp;
    }
    const std::string_view name = isHttp ? http.string("endpoint") : tcp.string("endpoint");
    for (std::size_t i = first; i < pod.ports.size(); ++i) {
        // A command speaks for the container: it is told with its first endpoint.
        if (check.protocol == CheckProtocol::Command || known.endpoints[i].name == name) {
            pod.ports[i].check = std::move(check);
            return;
        }
    }
}

Spec parseSpec(const JsonFields& spec, MarathonApp& pod, LabelFilter& labels,
               ProblemList& problems) {
    Spec result;
    const NetworkMode mode = parseMode(spec, problems);
    if (mode == NetworkMode::Unknown)
        problems.add("unknown network mode: none of its instances can be reached");
    // Labels are collected by address: the list must not move.
    pod.ports.reserve(protocol::kMaxPortsPerApp);
    std::size_t omitted = 0;
    for (const JsonValue item : spec.list("containers")) {
        const JsonFields container{item, "containers", problems};
        const std::string name = container.name("name", protocol::kMaxTaskId);
        const std::size_t first = pod.ports.size();
        for (const JsonValue each : container.list("endpoints")) {
            if (pod.ports.size() == protocol::kMaxPortsPerApp) {
                ++omitted;
                continue;
            }
            const auto index = static_cast<std::uint16_t>(pod.ports.size());
            const JsonFields endpoint{each, "endpoints", problems, index};
            protocol::Port& port = pod.ports.emplace_back();
            port.name = endpoint.name("name", protocol::kMaxPortName);
            parseTransport(endpoint, port);
            labels.collect(endpoint, index, port.labels);
            pod.rules.push_back(ruleFor(mode, endpoint, index));
            const auto networks = endpoint.list("networkNames");
            result.endpoints.push_back(
                {name, port.name,
                 std::string{networks.empty() ? "" : networks[0].string().value_or("")}});
        }
        if (container["healthCheck"].isObject()) {
            result.checkedContainers.insert(name);
            parseCheck(container, first, pod, result, problems);
        }
    }
    if (omitted > 0)
        problems.add(std::to_string(omitted) + " endpoints left out, too many");
    return result;
}

// ---- instances

/** Marathon's verdict on one container: of its condition "healthy", else of its endpoints. */
std::optional<bool> containerVerdict(JsonValue container) {
    for (const JsonValue condition : container["conditions"].elements()) {
        if (condition["name"].string() != "healthy")
            continue;
        const JsonValue value = condition["value"]; // a word in all releases known
        if (const auto flag = value.boolean())
            return flag;
        if (const auto word = value.string(); word == "true" || word == "false")
            return word == "true";
    }
    std::optional<bool> verdict;
    for (const JsonValue endpoint : container["endpoints"].elements()) {
        if (const auto isHealthy = endpoint["healthy"].boolean())
            verdict = verdict.value_or(true) && *isHealthy;
    }
    return verdict;
}

/** The worse of two states; a pod is as far as the slowest of its containers. */
TaskState worse(TaskState a, TaskState b) noexcept {
    const auto rank = [](TaskState state) {
        switch (state) {
        case TaskState::Running:
            return 0;
        case TaskState::Starting:
            return 1;
        case TaskState::Staging:
            return 2;
        case TaskState::Killing:
            return 3;
        case TaskState::Unreachable:
            return 4;
        }
        return 2;
    };
    return rank(a) < rank(b) ? b : a;
}

/** Addresses of the first network, or of the one that @p wanted names; IPv4 first. */
std::vector<IpAddress> parseAddresses(const JsonFields& instance, std::string_view wanted) {
    std::vector<IpAddress> addresses;
    for (const JsonValue network : instance.list("networks")) {
        std::vector<IpAddress> found;
        for (const JsonValue item : network["addresses"].elements()) {
            if (const auto address = IpAddress::parse(item.string().value_or("")))
                found.push_back(*address);
        }
        const bool isWanted = !wanted.empty() && network["name"].string() == wanted;
        if (addresses.empty() || isWanted)
            addresses = std::move(found);
        if (isWanted)
            break;
    }
    std::ranges::stable_partition(addresses, [](const IpAddress& a) { return !a.isV6(); });
    if (addresses.size() > protocol::kMaxAddresses)
        addresses.resize(protocol::kMaxAddresses);
    return addresses;
}

/** What an instance's containers say together. */
struct Containers {
    std::optional<TaskState> state; ///< nothing = all that count have ended
    std::optional<WallTime> startedAt;
    std::size_t healthy = 0;
    bool isUnhealthy = false;
};

/** Reads the state of each container, the host ports of those that run, and which have ended. */
Containers readContainers(const JsonFields& instance, const Spec& spec, MarathonTask& task,
                          ProblemList& problems) {
    Containers all;
    Containers withEndpoints;
    for (const JsonValue item : instance.list("containers")) {
        const JsonFields container{item, "instances.containers", problems};
        const std::string name = container.name("name", protocol::kMaxTaskId);
        const auto state = taskStateOf(container, "status");
        const bool hasEndpoints =
            std::ranges::find(spec.endpoints, name, &Endpoint::container) != spec.endpoints.end();
        for (Containers* const sum : {&all, hasEndpoints ? &withEndpoints : nullptr}) {
            if (sum != nullptr && state)
                sum->state = worse(sum->state.value_or(TaskState::Running), *state);
        }
        const auto since = parseTimestamp(container.string("statusSince"));
        if (since && (!all.startedAt || *all.startedAt < *since))
            all.startedAt = since;
        if (spec.checkedContainers.contains(name)) {
            const auto verdict = containerVerdict(item);
            all.isUnhealthy = all.isUnhealthy || verdict == false;
            all.healthy += verdict == true ? 1 : 0;
        }
        for (std::size_t i = 0; i < spec.endpoints.size(); ++i) {
            if (!state && spec.endpoints[i].container == name)
                task.endedPorts.insert(i);
            if (!state)
                continue;
            for (const JsonValue endpoint : container.list("endpoints")) {
                if (spec.endpoints[i].container == name &&
                    endpoint["name"].string() == spec.endpoints[i].name)
                    task.ports[i] = JsonFields{endpoint, "instances.endpoints", problems}
                                        .port("allocatedHostPort")
                                        .value_or(0);
            }
        }
    }
    if (!spec.endpoints.empty())
        all.state = withEndpoints.state;
    return all;
}

/** Nothing if the instance has ended. */
std::optional<MarathonTask> parseInstance(const JsonFields& fields, const Spec& spec,
                                          ProblemList& problems) {
    const std::string_view status = fields.string("status");
    if (status == "TERMINAL")
        return std::nullopt;
    MarathonTask task;
    task.id = fields.name("id", protocol::kMaxTaskId);
    task.agentId = fields.name("agentId", protocol::kMaxTaskId);
    task.host = fields.name("agentHostname", protocol::kMaxHostName);
    if (!isHostName(task.host)) {
        fields.complain("agentHostname", "no host name");
        task.host.clear();
    }
    task.ports.resize(spec.endpoints.size());
    const Containers containers = readContainers(fields, spec, task, problems);
    const bool isYoung = status == "PENDING" || status == "STAGING";
    if (!isYoung && !containers.state)
        return std::nullopt;
    task.state = isYoung ? TaskState::Staging : *containers.state;
    task.startedAt = containers.startedAt;
    if (spec.checkedContainers.empty())
        task.health = Health::NoChecks;
    else if (containers.isUnhealthy)
        task.health = Health::Unhealthy;
    else
        task.health =
            containers.healthy >= spec.checkedContainers.size() ? Health::Healthy : Health::Unknown;
    std::string_view network;
    for (const Endpoint& endpoint : spec.endpoints) {
        if (network.empty())
            network = endpoint.network;
    }
    task.addresses = parseAddresses(fields, network);
    return task;
}

} // namespace

MarathonApp parsePod(std::string_view json) {
    const JsonDocument document = JsonDocument::parse(json);
    ProblemList problems;
    MarathonApp pod;
    pod.isPod = true;
    pod.id = requireAppId(document.root());
    const JsonFields fields{document.root(), "", problems};
    const JsonFields spec{fields.object("spec"), "spec", problems};
    if (!fields["spec"].isObject())
        throw UnusableApp{pod.id, "a pod has no spec"};
    pod.version = spec.name("version", protocol::kMaxAppVersion);

    LabelFilter labels;
    labels.collect(spec, protocol::kWholeApp, pod.labels);
    const Spec parsed = parseSpec(spec, pod, labels, problems);
    labels.apply(problems);
    const JsonFields scheduling{spec.object("scheduling"), "scheduling", problems};
    pod.unreachableHold = parseUnreachableHold(scheduling["unreachableStrategy"], problems);

    std::set<std::string> ids;
    for (const JsonValue item : fields.list("instances")) {
        const JsonFields instance{item, "instances", problems};
        auto task = parseInstance(instance, parsed, problems);
        if (!task)
            continue;
        if (task->id.empty() || !ids.insert(task->id).second) {
            instance.complain("id", task->id.empty() ? "missing" : "stands there twice");
        } else if (pod.tasks.size() == protocol::kMaxInstancesPerApp) {
            problems.add("instances: too many");
            break;
        } else {
            pod.tasks.push_back(*std::move(task));
        }
    }
    pod.problems = problems.take();
    return pod;
}

} // namespace mmsd::marathon
