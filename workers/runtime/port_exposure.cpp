// SPDX-License-Identifier: MIT
// Which app ports the load balancers serve: one rule for HAProxy and UDP. Pure.
#include "workers/runtime/port_exposure.h"

#include "common/text.h"
#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <utility>

namespace mmsd::worker {

namespace {

using protocol::RefusalRule;

/** True if @p a has a better right to a service port than @p b. */
bool hasBetterClaim(const ExposedPort& a, const ExposedPort& b, const PortName* holder) {
    const auto holds = [holder](const ExposedPort& claim) {
        return holder != nullptr && holder->appId == claim.app->id &&
               holder->portIndex == claim.portIndex;
    };
    if (holds(a) != holds(b))
        return holds(a);
    return a.app != b.app ? precedes(*a.app, *b.app) : a.portIndex < b.portIndex;
}

} // namespace

bool isInGroups(const protocol::App& app, const protocol::Port& port,
                const std::vector<std::string>& groups) {
    const auto has = [&groups](std::string_view group) {
        return std::ranges::find(groups, group) != groups.end();
    };
    const std::string* const group = label(app, port, "lb-group");
    return has("*") || (group != nullptr && has(trim(*group)));
}

std::optional<PortObjection> objectionTo(const protocol::App& app, const protocol::Port& port,
                                         const PortRules& rules) {
    if (!isInGroups(app, port, rules.groups)) {
        const std::string* const group = label(app, port, "lb-group");
        std::string reason =
            group == nullptr ? "no label lb-group" : "lb-group \"" + escapeText(*group, 64) + '"';
        reason += ", and --filter-groups has only";
        for (const std::string& each : rules.groups)
            reason.append(&each == &rules.groups.front() ? " " : ", ").append(each);
        return PortObjection{std::nullopt, std::move(reason)};
    }
    if (port.servicePort == 0)
        return PortObjection{RefusalRule::NoServicePort, "no service port"};
    if (const auto own = rules.ownPorts.find(port.servicePort); own != rules.ownPorts.end())
        return PortObjection{RefusalRule::OwnPort, "service port " +
                                                       std::to_string(port.servicePort) +
                                                       " is mmsd's own (" + own->second + ")"};
    return std::nullopt;
}

PortExposure exposePorts(const protocol::Snapshot& snapshot, const PortRules& rules,
                         const PortHolders& holders) {
    PortExposure exposure;
    const auto refuse = [&exposure](const ExposedPort& claim, protocol::RefusalRule rule,
                                    std::string reason) {
        exposure.refusals.push_back({claim.app->id, claim.portIndex, std::move(reason), rule});
    };
    std::map<std::uint16_t, std::vector<ExposedPort>> claims;
    for (const auto& app : snapshot.apps) {
        for (std::size_t i = 0; i < app->ports.size(); ++i) {
            const protocol::Port& port = app->ports[i];
            const ExposedPort claim{app.get(), static_cast<std::uint16_t>(i)};
            const bool isCarried = rules.transport == Transport::Udp ? port.isUdp : port.isTcp;
            if (!isCarried || !isInGroups(*app, port, rules.groups))
                continue;
            if (auto objection = objectionTo(*app, port, rules)) {
                refuse(claim, *objection->rule, std::move(objection->reason));
                continue;
            }
            claims[port.servicePort].push_back(claim);
        }
    }
    for (const auto& [number, claimants] : claims) {
        const auto held = holders.find(number);
        const PortName* const holder = held != holders.end() ? &held->second : nullptr;
        const ExposedPort& best = *std::ranges::min_element(
            claimants, [holder](const ExposedPort& a, const ExposedPort& b) {
                return hasBetterClaim(a, b, holder);
            });
        for (const ExposedPort& loser : claimants)
            if (&loser != &best)
                refuse(loser, RefusalRule::Conflict,
                       "service port " + std::to_string(number) + " taken by " + best.app->id +
                           " port index " + std::to_string(best.portIndex));
        exposure.ports.emplace(number, best);
    }
    return exposure;
}

} // namespace mmsd::worker
