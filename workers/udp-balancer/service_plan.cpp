// SPDX-License-Identifier: MIT
// What the UDP balancer shall serve: a snapshot turned into services. Pure.
#include "workers/udp-balancer/service_plan.h"

#include "common/duration.h"
#include "common/text.h"
#include "workers/runtime/label_reason.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace mmsd::udp {

namespace {

std::optional<Mode> parseMode(std::string_view text) noexcept {
    if (text == "roundrobin")
        return Mode::RoundRobin;
    return text == "multicast" ? std::optional{Mode::Multicast} : std::nullopt;
}

/** Reads the labels into @p service. @return what is wrong with them; nothing if they are fine */
std::optional<std::string> readLabels(const worker::ExposedPort& exposed, Service& service) {
    if (const std::string* const text = label(*exposed.app, exposed.port(), "lb-mode")) {
        const auto mode = parseMode(trim(*text));
        if (!mode)
            return worker::labelReason("lb-mode", *text, "expected roundrobin or multicast");
        service.mode = *mode;
    }
    if (const std::string* const text = label(*exposed.app, exposed.port(), "lb-udp-idle")) {
        const auto idle = parseDuration(trim(*text));
        if (!idle || *idle < kMinIdle || *idle > kMaxIdle)
            return worker::labelReason("lb-udp-idle", *text,
                                       "expected a duration from 10ms to 24h");
        service.idle = *idle;
    }
    return std::nullopt;
}

std::vector<Target> targetsOf(const worker::ExposedPort& exposed) {
    std::vector<Target> targets;
    for (const protocol::Instance& instance : exposed.app->instances) {
        const bool takesNew = isServing(instance);
        if (!takesNew && instance.serving != protocol::Serving::Draining)
            continue;
        const auto where = protocol::endpoint(instance, exposed.portIndex);
        if (where && !where->addresses->empty())
            targets.push_back({{where->addresses->front(), where->port}, takesNew});
    }
    // Of two instances at one endpoint, the one that takes new sessions counts.
    std::ranges::sort(targets, [](const Target& a, const Target& b) {
        return a.endpoint != b.endpoint ? a.endpoint < b.endpoint : a.takesNew > b.takesNew;
    });
    const auto repeated = std::ranges::unique(targets, {}, &Target::endpoint);
    targets.erase(repeated.begin(), repeated.end());
    return targets;
}

} // namespace

ServicePlan planServices(const protocol::Snapshot& snapshot, const worker::PortRules& rules,
                         const worker::PortHolders& holders, std::size_t limit) {
    worker::PortExposure exposure = worker::exposePorts(snapshot, rules, holders);
    ServicePlan plan{{}, std::move(exposure.refusals)};
    std::size_t left = limit;
    const auto take = [&](std::uint16_t number, const worker::ExposedPort& exposed) {
        const auto refuse = [&](protocol::RefusalRule rule, std::string reason) {
            plan.refusals.push_back({exposed.app->id, exposed.portIndex, std::move(reason), rule});
        };
        Service service;
        if (auto complaint = readLabels(exposed, service))
            return refuse(protocol::RefusalRule::InvalidValue, std::move(*complaint));
        if (left == 0)
            return refuse(protocol::RefusalRule::Limit,
                          "more than " + std::to_string(limit) + " UDP services");
        --left;
        service.name = {exposed.app->id, exposed.portIndex};
        service.targets = targetsOf(exposed);
        plan.services.emplace(number, std::move(service));
    };
    // Held ports first: a newcomer with a smaller number never pushes out one that is served.
    for (const bool isHeld : {true, false})
        for (const auto& [number, exposed] : exposure.ports)
            if (holders.contains(number) == isHeld)
                take(number, exposed);
    return plan;
}

} // namespace mmsd::udp
