// SPDX-License-Identifier: MIT
// Which app ports the load balancers serve: one rule for HAProxy and UDP. Pure.
#include "workers/runtime/port_exposure.h"

#include "common/text.h"
#include "workers/runtime/port_claims.h"

#include <algorithm>
#include <utility>

namespace mmsd::worker {

using protocol::RefusalRule;

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
        return PortObjection{std::nullopt, std::move(reason), false};
    }
    if (app.isPod)
        return PortObjection{RefusalRule::NoServicePort, "pods have no service ports", false};
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
    PortClaims claims{rules};
    for (const auto& app : snapshot.apps)
        claims.change(nullptr, app.get());
    for (const auto& [port, holder] : holders)
        claims.hold(port, holder);
    PortExposure exposure;
    for (const std::uint16_t port : claims.settle())
        if (const ExposedPort* const winner = claims.winner(port))
            exposure.ports.emplace(port, *winner);
    claims.appendRefusals(exposure.refusals);
    return exposure;
}

} // namespace mmsd::worker
